import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  elementByteSize,
  elementDType,
  type ElementType,
  ReferenceBackend,
  SafetensorsFile,
  type TensorSource,
  tensorSource,
  writeSafetensors,
} from "../src/index.js";
import { TemporaryFolder } from "./safetensors-image.js";

const elementTypes: readonly ElementType[] = [
  "BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3", "I16", "U16", "F16", "BF16", "I32", "U32", "F32", "F64", "I64", "U64",
];

const reserved = (name: string) => name === "__proto__" || name === "__metadata__";
const anyName = fc
  .oneof(fc.string({ maxLength: 20 }), fc.string({ unit: "binary", maxLength: 8 }), fc.constantFrom("constructor", "0", '"\\', "\u2028"))
  .filter((name) => !reserved(name));

interface Sample {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const anySample: fc.Arbitrary<Sample> = fc
  .record({
    type: fc.constantFrom(...elementTypes),
    shape: fc.array(fc.nat({ max: 5 }), { maxLength: 4 }),
    seed: fc.nat(),
  })
  .map(({ type, shape, seed }) => {
    const length = shape.reduce((product, size) => product * size, elementByteSize(type));
    return { type, shape, bytes: Uint8Array.from({ length }, (_, i) => Math.imul(seed + i, 0x9e3779b1) >>> 24) };
  });

const anyFile = fc.record({
  tensors: fc.uniqueArray(fc.tuple(anyName, anySample), { selector: ([name]) => name, maxLength: 8 }),
  metadata: fc.dictionary(anyName.filter((key) => key !== "__proto__"), fc.string({ unit: "binary", maxLength: 12 }), {
    maxKeys: 4,
    noNullPrototype: true,
  }),
});

describe("writeSafetensors", () => {
  it("gives back every tensor and every metadata text (400 random files)", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.safetensors");
    const typesSeen = new Set<ElementType>();
    fc.assert(
      fc.property(anyFile, ({ tensors, metadata }) => {
        writeSafetensors(path, new Map(tensors.map(([name, { type, shape, bytes }]) => [name, { type, shape, bytes: () => bytes }])), metadata);
        using file = SafetensorsFile.open(path);
        expect(new Map(file.metadata)).toEqual(new Map(Object.entries(metadata)));
        expect(new Set(file.tensors.keys())).toEqual(new Set(tensors.map(([name]) => name)));
        for (const [name, { type, shape, bytes }] of tensors) {
          typesSeen.add(type);
          expect(file.entry(name)).toMatchObject({ name, type, shape, byteLength: bytes.length });
          expect(Buffer.compare(file.read(name), bytes)).toBe(0);
        }
      }),
      { numRuns: 400, seed: 2601 },
    );
    expect(typesSeen).toEqual(new Set(elementTypes));
    expect(readdirSync(folder.path)).toEqual(["model.safetensors"]);
  });

  it("reads any range within a tensor (300 random ranges)", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.safetensors");
    const bytes = Uint8Array.from({ length: 100 }, (_, i) => i);
    const source = (data: Uint8Array): TensorSource => ({ type: "U8", shape: [data.length], bytes: () => data });
    writeSafetensors(path, new Map([["before", source(bytes)], ["a", source(bytes)], ["after", source(bytes)]]));
    using file = SafetensorsFile.open(path);
    fc.assert(
      fc.property(fc.nat({ max: 120 }), fc.nat({ max: 120 }), (start, count) => {
        expect(file.read("a", { start, end: start + count })).toEqual(bytes.slice(start, start + count));
      }),
      { numRuns: 300, seed: 17367 },
    );
    expect(file.read("a", { start: 90, end: Infinity })).toEqual(bytes.slice(90));
  });

  it("writes tensors of every dtype, views with row gaps dense", () => {
    using folder = new TemporaryFolder();
    using backend = new ReferenceBackend();
    const path = folder.file("model.safetensors");
    for (const dtype of ["f32", "bf16", "f16", "i32", "u8"] as const) {
      const size = { f32: 4, bf16: 2, f16: 2, i32: 4, u8: 1 }[dtype];
      const bytes = Uint8Array.from({ length: 6 * size }, (_, i) => (37 * i) % 120);
      using tensor = backend.upload(bytes, [2, 3], dtype);
      writeSafetensors(path, new Map([["whole", tensorSource(tensor)], ["last", tensorSource(tensor.columns(2, 3))]]));
      using file = SafetensorsFile.open(path);
      expect(file.read("whole")).toEqual(bytes);
      expect(file.read("last")).toEqual(Uint8Array.from([...bytes.slice(2 * size, 3 * size), ...bytes.slice(5 * size)]));
      expect(elementDType(file.entry("whole").type)).toBe(dtype);
    }
  });

  it("starts the data at a multiple of 8 bytes", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.safetensors");
    for (let length = 1; length <= 16; length++) {
      writeSafetensors(path, new Map([["n".repeat(length), { type: "F64", shape: [1], bytes: () => new Uint8Array(8) }]]));
      using file = SafetensorsFile.open(path);
      expect(file.entry("n".repeat(length)).byteOffset % 8).toBe(0);
    }
  });

  it("leaves the old file, and nothing else, when a source fails or gives the wrong number of bytes", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.safetensors");
    writeFileSync(path, "old");
    const broken: readonly (() => Uint8Array)[] = [
      () => new Uint8Array(3),
      () => new Uint8Array(5),
      () => {
        throw new RangeError("no bytes today");
      },
    ];
    for (const bytes of broken) {
      expect(() => writeSafetensors(path, new Map([["a", { type: "F32", shape: [1], bytes }]]))).toThrow(RangeError);
      expect(readFileSync(path, "utf8")).toBe("old");
      expect(readdirSync(folder.path)).toEqual(["model.safetensors"]);
    }
  });

  it("refuses names that readers treat otherwise", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.safetensors");
    const source: TensorSource = { type: "U8", shape: [1], bytes: () => new Uint8Array(1) };
    for (const name of ["__proto__", "__metadata__"]) {
      expect(() => writeSafetensors(path, new Map([[name, source]]))).toThrow(/reserved/);
    }
    const metadata = JSON.parse('{"__proto__":"text"}') as Record<string, string>;
    expect(() => writeSafetensors(path, new Map(), metadata)).toThrow(/reserved/);
    expect(existsSync(path)).toBe(false);
  });
});
