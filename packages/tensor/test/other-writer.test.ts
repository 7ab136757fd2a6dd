import { join } from "node:path";
import { floatTensor, temporaryFolder, writeSafetensorsFile } from "@elastic-attention/fixtures";
import { expect, test } from "vitest";
import { SafetensorsFile } from "../src/index.js";

test("a safetensors file of another writer is read: every tensor, shape and word of its metadata", () => {
  using folder = temporaryFolder("other-writer");
  const path = join(folder.path, "model.safetensors");
  const values = Float32Array.of(1.5, -2, NaN, 0, Infinity, 3);
  const half = { type: "BF16", shape: [3], bytes: () => Uint8Array.of(1, 2, 3, 4, 5, 6) };
  writeSafetensorsFile(path, new Map([["half", half], ["matrix", floatTensor([2, 3], values)], ["empty", floatTensor([0, 4], new Float32Array(0))]]), { format: "pt" });
  const file = SafetensorsFile.open(path);
  expect(Array.from(file.tensors.keys()).sort()).toEqual(["empty", "half", "matrix"]);
  expect(file.entry("matrix")).toMatchObject({ shape: [2, 3] });
  expect(Array.from(new Float32Array(file.read("matrix").slice().buffer))).toEqual(Array.from(values));
  expect(Array.from(file.read("half"))).toEqual([1, 2, 3, 4, 5, 6]);
  expect(file.metadata.get("format")).toBe("pt");
  file.close();
});
