import { describe, expect, test } from "vitest";
import { decodeText, TextEncodingError } from "../src/index.js";

const text = "Grüße, 世界 🌍\r\nzweite Zeile\n";

function utf16(value: string, bigEndian: boolean): Uint8Array {
  const bytes = Buffer.from(value, "utf16le");
  return bigEndian ? bytes.swap16() : bytes;
}

describe("bytes of a text", () => {
  test.each<[string, Uint8Array]>([
    ["UTF-8", Buffer.from(text)],
    ["UTF-8 with a mark", Buffer.from(`\uFEFF${text}`)],
    ["UTF-16, little-endian", utf16(`\uFEFF${text}`, false)],
    ["UTF-16, big-endian", utf16(`\uFEFF${text}`, true)],
  ])("in %s are read, and their mark is no part of the text", (_, bytes) => {
    expect(decodeText(bytes, "a.txt")).toBe(text);
  });

  test("keep a mark that does not stand in front, and a second one that does", () => {
    expect(decodeText(Buffer.from("\uFEFF\uFEFFa\uFEFF"), "a.txt")).toBe("\uFEFFa\uFEFF");
    expect(decodeText(new Uint8Array(0), "a.txt")).toBe("");
  });

  test.each<[string, Uint8Array, RegExp]>([
    ["UTF-16 without a mark", utf16("What is in here?", false), /a\.txt is UTF-16LE without a byte order mark/],
    ["big-endian UTF-16 without a mark", utf16("What is in here?", true), /UTF-16BE without a byte order mark/],
    ["UTF-32", Uint8Array.of(0xff, 0xfe, 0, 0, 0x41, 0, 0, 0), /UTF-32/],
    ["half of a UTF-16 character", utf16("\uFEFFab", false).subarray(0, 5), /damaged/],
    ["half of a surrogate pair", utf16("\uFEFFa\uD83C", false), /damaged/],
    ["Latin-1", Buffer.from("eins\nzwei\ndrei Grüße", "latin1"), /not UTF-8: line 3/],
    ["zero bytes", Uint8Array.of(0x7f, 0x45, 0, 0x46, 1, 1), /no text: it has zero bytes/],
  ])("in %s are refused by name, with what to do", (_, bytes, words) => {
    expect(() => decodeText(bytes, "a.txt")).toThrow(TextEncodingError);
    expect(() => decodeText(bytes, "a.txt")).toThrow(words);
    expect(() => decodeText(bytes, "a.txt")).toThrow(expect.objectContaining({ hint: expect.any(String) as string }));
  });
});
