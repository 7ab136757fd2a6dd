import { readFileSync } from "node:fs";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { decompress as decompressZstandard } from "fzstd";

type Compression = "gzip" | "zstandard" | "brotli";

/** Endings of compressed files. */
export const compressedEndings = [".gz", ".zst", ".br"] as const;

const byEnding: Readonly<Record<(typeof compressedEndings)[number], Compression>> = { ".gz": "gzip", ".zst": "zstandard", ".br": "brotli" };
const magics: readonly (readonly [Compression, ...number[]])[] = [
  ["gzip", 0x1f, 0x8b],
  ["zstandard", 0x28, 0xb5, 0x2f, 0xfd],
];

/** How a file is compressed: by its first bytes, whatever its name; brotli, which has none, by the ending .br. */
export function compressionOf(path: string, begin: Uint8Array): Compression | undefined {
  const magic = magics.find(([, ...bytes]) => bytes.every((byte, index) => begin[index] === byte));
  const ending = compressedEndings.find((candidate) => path.endsWith(candidate));
  return magic?.[0] ?? (ending === undefined ? undefined : byEnding[ending]);
}

/** The bytes of a file, decompressed. @throws the system's error, and that of the decompression */
export function readBytes(path: string): Uint8Array {
  const bytes = readFileSync(path);
  switch (compressionOf(path, bytes)) {
    case "gzip":
      return gunzipSync(bytes);
    case "brotli":
      return brotliDecompressSync(bytes);
    case "zstandard":
      return decompressZstandard(bytes);
    default:
      return bytes;
  }
}
