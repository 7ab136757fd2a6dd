import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CheckpointLayoutError, SafetensorsFormatError } from "@elastic-attention/core";
import { SafetensorsCheckpoint, SafetensorsFile, writeSafetensors } from "../src/index.js";
import { fuzz, fuzzSeconds as seconds, report } from "./fuzz.js";
import { mutateJson, mutateSafetensors, seedFiles, seedIndex } from "./file-mutations.js";
import { TemporaryFolder } from "./safetensors-image.js";

describe("mutated safetensors files", () => {
  it(`are valid or give a SafetensorsFormatError (${(seconds * 2) / 3} s)`, { timeout: seconds * 1000 + 60_000 }, () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.safetensors");
    const consume = (bytes: Uint8Array) => {
      writeFileSync(path, bytes);
      using file = SafetensorsFile.open(path);
      const headerEnd = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
      let total = 0;
      for (const [name, entry] of file.tensors) {
        const data = file.read(name);
        // What is accepted lies behind the header, within the file, and is what the file holds there.
        if (entry.byteOffset < headerEnd || !Buffer.from(data).equals(bytes.subarray(entry.byteOffset, entry.byteOffset + entry.byteLength))) {
          expect.fail(`tensor "${name}" is not read from its place`);
        }
        total += data.byteLength;
      }
      expect(headerEnd + total).toBe(bytes.length);
    };
    const findings = fuzz(seedFiles(), (seconds * 2000) / 3, mutateSafetensors, consume, (error) =>
      SafetensorsFormatError.isInstance(error) ? error.problem : undefined,
    );
    report("safetensors", findings);
    // The mutations reach behind most checks, or this fuzzer says nothing; the corpus of hostile files has one for each.
    expect(findings.accepted).toBeGreaterThan(0);
    expect(findings.refusals.size).toBeGreaterThanOrEqual(8);
  });
});

describe("mutated checkpoint indices", () => {
  it(`are valid or give a CheckpointLayoutError (${seconds / 3} s)`, { timeout: seconds * 1000 + 60_000 }, () => {
    using folder = new TemporaryFolder();
    const byte = { type: "U8", shape: [1], bytes: () => Uint8Array.of(1) } as const;
    writeSafetensors(folder.file("1.safetensors"), new Map([["a", byte], ["b", byte]]));
    writeSafetensors(folder.file("2.safetensors"), new Map([["c", byte]]));
    writeFileSync(folder.file("0.safetensors"), "broken");
    const consume = (bytes: Uint8Array) => {
      writeFileSync(folder.file("model.safetensors.index.json"), bytes);
      using checkpoint = SafetensorsCheckpoint.open(folder.path);
      for (const name of checkpoint.names) expect(checkpoint.read(name)).toEqual(Uint8Array.of(1));
    };
    const starts = [
      seedIndex({ a: "1.safetensors", b: "1.safetensors", c: "2.safetensors" }),
      seedIndex({ c: "2.safetensors" }),
      seedIndex({}),
    ];
    const findings = fuzz(starts, (seconds * 1000) / 3, mutateJson, consume, (error) => {
      if (SafetensorsFormatError.isInstance(error)) return "shard";
      if (!(CheckpointLayoutError.isInstance(error))) return undefined;
      return /not JSON|no weight_map|plain file name|missing|does not hold|but it is in|twice/.exec(error.message)?.[0];
    });
    report("index", findings);
    expect(findings.accepted).toBeGreaterThan(0);
    expect(findings.refusals.size).toBeGreaterThanOrEqual(5);
  });
});
