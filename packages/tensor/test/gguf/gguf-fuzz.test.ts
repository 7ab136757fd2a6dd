import { writeFileSync } from "node:fs";
import { GgufFormatError } from "@elastic-attention/core";
import { describe, expect, it } from "vitest";
import { GgufFile, weightFormats } from "../../src/index.js";
import { fuzz, fuzzSeconds as seconds, report } from "../fuzz.js";
import { TemporaryFolder } from "../safetensors-image.js";
import { mutateGguf, seedGgufFiles } from "./gguf-mutations.js";

describe("mutated GGUF files", () => {
  it(`are valid or give a GgufFormatError (${seconds} s)`, { timeout: seconds * 1000 + 60_000 }, () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.gguf");
    const consume = (bytes: Uint8Array) => {
      writeFileSync(path, bytes);
      using file = GgufFile.open(path);
      for (const key of file.metadata.keys) {
        const value = file.metadata.get(key);
        if (typeof value !== "object" || value.elementType === "bool") continue;
        const items = value.elementType === "string" ? file.metadata.strings(key) : file.metadata.numbers(key);
        expect(items.length).toBe(value.length);
      }
      for (const [name, entry] of file.tensors) {
        const data = file.read(name);
        // What is accepted lies within the file and is what the file holds there.
        if (!Buffer.from(data).equals(bytes.subarray(entry.byteOffset, entry.byteOffset + entry.byteLength))) {
          expect.fail(`tensor "${name}" is not read from its place`);
        }
        const format = weightFormats.get(entry.type);
        format?.dequantize(data, new Float32Array(entry.shape.reduce((product, size) => product * size, 1)));
      }
    };
    const findings = fuzz(seedGgufFiles(), seconds * 1000, mutateGguf, consume, (error) =>
      error instanceof GgufFormatError ? error.problem : undefined,
    );
    report("gguf", findings);
    // The mutations reach behind most checks, or this fuzzer says nothing; the corpus of hostile files has one for each.
    expect(findings.accepted).toBeGreaterThan(0);
    expect(findings.refusals.size).toBeGreaterThanOrEqual(8);
  });
});
