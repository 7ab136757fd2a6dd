import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { CheckpointLayoutError, DisposedError, GgufMetadataError, MissingTensorError, ShapeError } from "@elastic-attention/core";
import { describe, expect, it } from "vitest";
import { GgufCheckpoint, type GgufWriteValue, writeGguf } from "../../src/index.js";
import { TemporaryFolder } from "../safetensors-image.js";
import { arrayValue, floatTensor, type GgufImage, ggufImage, key, u64, valueTypeNumbers } from "./gguf-image.js";

const part = (number: number, count: number, tensors: GgufImage["tensors"], total = 3): Uint8Array =>
  ggufImage({
    keys: [...(number === 0 ? [key("general.architecture", "llama")] : []), key("split.no", number), key("split.count", count), key("split.tensors.count", total)],
    ...(tensors === undefined ? {} : { tensors }),
  });

const [a, b, c] = ["a", "b", "c"].map((name, index) => floatTensor(name, [4], new Float32Array(4).fill(index + 1)));
const name = (number: number, count: number) => `model-0000${number}-of-0000${count}.gguf`;

/** A folder with these files, the first of which is opened. */
function withFiles<T>(files: Readonly<Record<string, Uint8Array>>, test: (open: (file?: string) => GgufCheckpoint, folder: TemporaryFolder) => T): T {
  using folder = new TemporaryFolder();
  for (const [file, bytes] of Object.entries(files)) writeFileSync(folder.file(file), bytes);
  return test((file = Object.keys(files)[0]!) => GgufCheckpoint.open(folder.file(file)), folder);
}

const whole = { [name(1, 2)]: part(0, 2, [a!]), [name(2, 2)]: part(1, 2, [b!, c!]) };

describe("a model in parts", () => {
  it.each([name(1, 2), name(2, 2)])("is opened by its part %s", (file) => {
    withFiles(whole, (open) => {
      using checkpoint = open(file);
      expect([...checkpoint.names]).toEqual(["a", "b", "c"]);
      expect(checkpoint.byteLength).toBe(48);
      expect(checkpoint.metadata.string("general.architecture")).toBe("llama");
      expect(new Float32Array(checkpoint.read("c").buffer)).toEqual(Float32Array.of(3, 3, 3, 3));
    });
  });

  it("is opened where its parts are links to blobs", () => {
    withFiles(whole, (_open, folder) => {
      mkdirSync(folder.file("snapshot"));
      for (const [index, file] of Object.keys(whole).entries()) {
        renameSync(folder.file(file), folder.file(`blob${index}`));
        symlinkSync(`../blob${index}`, folder.file(`snapshot/${file}`));
      }
      using checkpoint = GgufCheckpoint.open(folder.file(`snapshot/${name(1, 2)}`));
      expect(checkpoint.has("c")).toBe(true);
    });
  });

  const broken: readonly (readonly [what: string, files: Readonly<Record<string, Uint8Array>>, message: RegExp])[] = [
    ["a part is missing", { [name(1, 3)]: part(0, 3, [a!]), [name(2, 3)]: part(1, 3, [b!]) }, /00003-of-00003.gguf is missing/],
    ["parts were exchanged", { [name(1, 2)]: part(1, 2, [a!]), [name(2, 2)]: part(0, 2, [b!, c!]) }, /part 2 by its split.no, but part 1 by its name/],
    ["a part does not say which it is", { [name(1, 2)]: part(0, 2, [a!]), [name(2, 2)]: ggufImage({ tensors: [b!, c!] }) }, /one of 0 parts by its split.count/],
    ["a part belongs to more parts", { [name(1, 2)]: part(0, 2, [a!]), [name(2, 2)]: part(1, 3, [b!, c!]) }, /one of 3 parts by its split.count, but one of 2/],
    ["a tensor is in two parts", { [name(1, 2)]: part(0, 2, [a!]), [name(2, 2)]: part(1, 2, [a!, c!]) }, /"a" is both in model-00001-of-00002.gguf and in model-00002/],
    ["tensors are missing", { [name(1, 2)]: part(0, 2, [a!]), [name(2, 2)]: part(1, 2, [b!]) }, /all parts have 3 tensors, but they have 2/],
    ["a part lost its name", { "renamed.gguf": part(0, 2, [a!]) }, /one of 2 parts by its split.count, but one of 1/],
    ["the name counts beyond the parts", { [name(3, 2)]: part(0, 2, [a!]) }, /part 3 of 2/],
    ["the name counts from 0", { [name(0, 2)]: part(0, 2, [a!]) }, /part 0 of 2/],
  ];

  it.each(broken)("is refused where %s", (_what, files, message) => {
    withFiles(files, (open) => {
      expect(() => open()).toThrow(CheckpointLayoutError);
      expect(() => open()).toThrow(message);
    });
  });

  it("may be one part of one", () => {
    withFiles({ [name(1, 1)]: part(0, 1, [a!, b!, c!]) }, (open) => {
      using checkpoint = open();
      expect(checkpoint.has("b")).toBe(true);
    });
  });
});

describe("a GGUF checkpoint", () => {
  const file = ggufImage({ tensors: [floatTensor("w", [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6)), { name: "q", sizes: [32, 2], type: 8, bytes: new Uint8Array(68).fill(7) }] });

  it("gives shapes with rows first, types by name, and the bytes of ranges", () => {
    withFiles({ "m.gguf": file }, (open) => {
      using checkpoint = open();
      expect(checkpoint.entry("w")).toMatchObject({ type: "F32", shape: [2, 3], byteLength: 24 });
      expect(checkpoint.entry("q")).toMatchObject({ type: "Q8_0", shape: [2, 32], byteLength: 68 });
      expect(new Float32Array(checkpoint.read("w", { start: 12, end: 1000 }).buffer)).toEqual(Float32Array.of(4, 5, 6));
      expect(() => checkpoint.read("w", { start: -1, end: 2 })).toThrow(ShapeError);
      expect(() => checkpoint.entry("v")).toThrow(MissingTensorError);
    });
  });

  it("tells a missing file, and a use after it was closed", () => {
    withFiles({ "m.gguf": file }, (open) => {
      expect(() => open("nothing.gguf")).toThrow(CheckpointLayoutError);
      const checkpoint = open();
      checkpoint.close();
      expect(() => checkpoint.read("w")).toThrow(DisposedError);
      expect(() => checkpoint.locate("w")).toThrow(DisposedError);
    });
  });
});

describe("writing a GGUF file", () => {
  it("gives back what was written", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("m.gguf");
    const metadata = new Map<string, GgufWriteValue>([["text", "é"], ["yes", true], ["count", 7], ["minus", -7], ["half", 0.5], ["texts", ["a", ""]], ["wholes", [1, -2]], ["floats", [0.5, 2]], ["none", []]]);
    const tensors = new Map([
      ["w", { type: "F32", shape: [2, 3], bytes: new Uint8Array(Float32Array.of(1, 2, 3, 4, 5, 6).buffer) }],
      ["q", { type: "Q8_0", shape: [3, 32], bytes: new Uint8Array(102).fill(5) }],
    ]);
    writeGguf(path, metadata, tensors);
    using checkpoint = GgufCheckpoint.open(path);
    const read = checkpoint.metadata;
    expect(["text", "yes", "count", "minus", "half"].map((name) => read.get(name))).toEqual(["é", true, 7, -7, 0.5]);
    expect([read.strings("texts"), Array.from(read.numbers("wholes")), Array.from(read.numbers("floats")), read.strings("none")]).toEqual([["a", ""], [1, -2], [0.5, 2], []]);
    for (const [name, { type, shape, bytes }] of tensors) {
      expect(checkpoint.entry(name)).toMatchObject({ type, shape });
      expect(checkpoint.read(name)).toEqual(bytes);
    }
    expect(() => writeGguf(path, metadata, new Map([["w", { type: "F32", shape: [2], bytes: new Uint8Array(4) }]]))).toThrow(/has 4 bytes, its shape needs 8/);
    expect(() => writeGguf(path, metadata, new Map([["w", { type: "Q9", shape: [2], bytes: new Uint8Array(4) }]]))).toThrow(/unknown type Q9/);
  });
});

describe("the metadata of a GGUF file", () => {
  const { array, u64: u64Type, i64, i8, string, bool } = valueTypeNumbers;
  const file = ggufImage({
    keys: [
      key("text", "é"), key("yes", true), key("ten", 10), key("half", 0.5), key("minus", -1.5), key("texts", ["a", "", "ü"]), key("numbers", [1, -2]), key("floats", [0.5, -0.25]),
      { key: "large", type: u64Type, value: u64(2n ** 64n - 1n) },
      { key: "negative", type: i64, value: u64(-3n) },
      { key: "bytes", type: array, value: arrayValue(i8, [Uint8Array.of(255), Uint8Array.of(127)]) },
      { key: "broken", type: array, value: arrayValue(string, [Buffer.concat([u64(1n), Uint8Array.of(0xff)])]) },
      { key: "flags", type: array, value: arrayValue(bool, [Uint8Array.of(1), Uint8Array.of(0)]) },
      { key: "doubtful", type: array, value: arrayValue(bool, [Uint8Array.of(2)]) },
      { key: "wide", type: array, value: arrayValue(u64Type, [u64(2n ** 40n)]) },
    ],
  });
  const read = <T>(test: (metadata: GgufCheckpoint["metadata"]) => T): T =>
    withFiles({ "m.gguf": file }, (open) => {
      using checkpoint = open();
      return test(checkpoint.metadata);
    });

  it("has every type of value", () => {
    read((metadata) => {
      expect([metadata.string("text"), metadata.boolean("yes"), metadata.count("ten"), metadata.number("half"), metadata.number("minus")]).toEqual(["é", true, 10, 0.5, -1.5]);
      expect([metadata.get("large"), metadata.get("negative")]).toEqual([2n ** 64n - 1n, -3]);
      expect(metadata.strings("texts")).toEqual(["a", "", "ü"]);
      expect(["numbers", "floats", "bytes", "wide"].map((name) => Array.from(metadata.numbers(name)))).toEqual([[1, -2], [0.5, -0.25], [-1, 127], [2 ** 40]]);
      expect(metadata.booleans("flags")).toEqual([true, false]);
      expect([metadata.arrayLength("texts"), metadata.arrayLength("nothing")]).toEqual([3, undefined]);
      expect([metadata.count("nothing", 7), metadata.string("nothing", "x"), metadata.has("nothing"), metadata.has("ten")]).toEqual([7, "x", false, true]);
    });
  });

  it("has texts of any length whole and in their place", () => {
    const [first, second] = ["é".repeat(200_000), `${"x".repeat(300_001)}ü`];
    withFiles({ "model.gguf": ggufImage({ keys: [key("first", first), key("ten", 10), key("second", second)] }) }, (open) => {
      using checkpoint = open();
      expect([...checkpoint.metadata.keys]).toEqual(["first", "ten", "second"]);
      expect(checkpoint.metadata.string("first")).toBe(first);
      expect(checkpoint.metadata.string("second")).toBe(second);
    });
  });

  const wrong: readonly (readonly [what: string, use: (metadata: GgufCheckpoint["metadata"]) => unknown, message: RegExp])[] = [
    ["a missing key", (metadata) => metadata.string("nothing"), /nothing is missing/],
    ["a number as text", (metadata) => metadata.string("ten"), /ten must be a text, found 10/],
    ["a text as number", (metadata) => metadata.number("text"), /text must be a finite number, found "é"/],
    ["a negative count", (metadata) => metadata.count("negative"), /found -3/],
    ["a count above 2^53", (metadata) => metadata.count("large"), /found 18446744073709551615/],
    ["an array as count", (metadata) => metadata.count("texts"), /found an array of 3 string/],
    ["numbers as texts", (metadata) => metadata.strings("numbers"), /array of texts, found an array of 2 i32/],
    ["texts as numbers", (metadata) => metadata.numbers("texts"), /array of numbers/],
    ["numbers as true and false", (metadata) => metadata.booleans("numbers"), /array of true and false, found an array of 2 i32/],
    ["a byte of 2 as true or false", (metadata) => metadata.booleans("doubtful"), /array of true and false/],
    ["a number as array", (metadata) => metadata.numbers("ten"), /array of numbers, found 10/],
  ];

  it.each(wrong)("tells %s with key, expected and found", (_what, use, message) => {
    read((metadata) => {
      expect(() => use(metadata)).toThrow(GgufMetadataError);
      expect(() => use(metadata)).toThrow(message);
    });
  });

  it("refuses texts of arrays that are not UTF-8 when they are read", () => {
    read((metadata) => expect(() => metadata.strings("broken")).toThrow(/broken\[0\] is not UTF-8/));
  });
});
