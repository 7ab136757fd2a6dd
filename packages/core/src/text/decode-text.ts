import { TextEncodingError } from "../errors/files/text-encoding-error.js";

/** Bytes that are looked at to guess an encoding without a mark. */
const sampleBytes = 4096;

/** Encodings with a byte order mark, the longer marks first: that of UTF-32 begins with that of UTF-16. */
const marks: readonly (readonly [encoding: string, ...mark: number[]])[] = [
  ["UTF-32 (little-endian)", 0xff, 0xfe, 0, 0],
  ["UTF-32 (big-endian)", 0, 0, 0xfe, 0xff],
  ["utf-8", 0xef, 0xbb, 0xbf],
  ["utf-16le", 0xff, 0xfe],
  ["utf-16be", 0xfe, 0xff],
];

/**
 * The text that bytes stand for: UTF-16 and UTF-8 by their byte order mark, which is no part of the text, and UTF-8 without
 * one.
 *
 * @param name what errors call the bytes: a path, "standard input"
 * @throws TextEncodingError naming the encoding where it can be told: UTF-16 without a mark, UTF-32, bytes that are not UTF-8
 */
export function decodeText(bytes: Uint8Array, name: string): string {
  const [encoding = "utf-8", ...mark] = marks.find(([, ...bytesOfMark]) => bytesOfMark.every((byte, index) => bytes[index] === byte)) ?? [];
  if (encoding.startsWith("UTF-32")) throw refusal(name, `is ${encoding}, which is not read`, encoding.includes("little") ? "UTF-32LE" : "UTF-32BE");
  if (mark.length === 0) {
    const guess = unmarkedEncoding(bytes);
    if (guess !== undefined) throw refusal(name, `is ${guess} without a byte order mark, or no text`, guess);
    if (bytes.includes(0)) throw new TextEncodingError(`${name} is no text: it has zero bytes.`, { hint: "Name a file of text." });
  }
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(bytes.subarray(mark.length));
  } catch {
    if (encoding !== "utf-8") throw refusal(name, `is damaged: it begins with the mark of ${encoding.toUpperCase()}, which the rest is not`, "UTF-16");
    throw refusal(name, `is not UTF-8: line ${lineOfDamage(bytes)} has bytes of another encoding`, "WINDOWS-1252");
  }
}

/** UTF-16 by its zero bytes, which stand beside every Latin letter. */
function unmarkedEncoding(bytes: Uint8Array): string | undefined {
  const sample = bytes.subarray(0, sampleBytes);
  const zeros = [0, 0];
  for (const [index, byte] of sample.entries()) if (byte === 0) zeros[index % 2]! += 1;
  const [even, odd] = zeros as [number, number];
  const many = sample.length / 4;
  if (odd > many && even < odd / 8) return "UTF-16LE";
  if (even > many && odd < even / 8) return "UTF-16BE";
  return undefined;
}

function lineOfDamage(bytes: Uint8Array): number {
  const text = new TextDecoder().decode(bytes);
  return text.slice(0, text.indexOf("\uFFFD")).split("\n").length;
}

function refusal(name: string, what: string, encoding: string): TextEncodingError {
  return new TextEncodingError(`${name} ${what}.`, { hint: `Save it as UTF-8, or convert it: iconv -f ${encoding} -t UTF-8 FILE > NEW.` });
}
