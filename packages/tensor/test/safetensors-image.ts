import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Bytes of a safetensors file with this header, given as JSON text, raw bytes or an object, right or wrong. */
export function safetensorsImage(header: unknown, dataBytes = 0, announced?: bigint): Uint8Array {
  const text =
    header instanceof Uint8Array ? header : Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const image = Buffer.alloc(8 + text.length + dataBytes, 0xda);
  image.writeBigUInt64LE(announced ?? BigInt(text.length));
  image.set(text, 8);
  return image;
}

/** A header entry of unsigned bytes at these data offsets. */
export function byteEntry(start: number, end: number): Record<string, unknown> {
  return { dtype: "U8", shape: [end - start], data_offsets: [start, end] };
}

/** A folder that is removed at the end of its scope. */
export class TemporaryFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "elastic-attention-"));

  file(name: string): string {
    return join(this.path, name);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
