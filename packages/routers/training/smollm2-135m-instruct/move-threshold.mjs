// Moves the threshold of saved routers, so that they reach another share of sparse heads without another training:
//   node move-threshold.mjs IN OUT LEAD      every head's lead of full over sparse grows by LEAD; below 0 more heads are sparse
import { readFileSync, writeFileSync } from "node:fs";

const [input, output, lead] = process.argv.slice(2);
const bytes = readFileSync(input);
const headerBytes = Number(bytes.readBigUInt64LE(0));
const header = JSON.parse(bytes.subarray(8, 8 + headerBytes).toString("utf8"));
const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);
for (const [name, entry] of Object.entries(header)) {
  if (!name.endsWith("cls_router_head_agnostic.4.bias")) continue;
  if (entry.dtype !== "BF16") throw new Error(`${name} is ${entry.dtype}; this program reads bf16.`);
  const start = 8 + headerBytes + entry.data_offsets[0];
  for (const [index, sign] of [[0, -1], [1, 1]]) {
    bits[0] = bytes.readUInt16LE(start + 2 * index) << 16;
    float[0] += (sign * Number(lead)) / 2;
    // Rounded to the nearest bf16, ties to even.
    bytes.writeUInt16LE((bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) >>> 16, start + 2 * index);
  }
}
writeFileSync(output, bytes);
