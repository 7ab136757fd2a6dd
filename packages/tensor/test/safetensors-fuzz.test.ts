import { writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { CheckpointLayoutError, SafetensorsFormatError } from "@elastic-attention/core";
import { SafetensorsCheckpoint, SafetensorsFile, writeSafetensors } from "../src/index.js";
import { mutateJson, mutateSafetensors, seedFiles, seedIndex } from "./file-mutations.js";
import { TemporaryFolder } from "./safetensors-image.js";
import { seededRandom } from "./seeded-random.js";

/** Seconds for the two fuzzers together; `pnpm fuzz` asks for more. */
const seconds = Number(process.env["ELASTIC_ATTENTION_FUZZ_SECONDS"] ?? 3);
const seed = Number(process.env["ELASTIC_ATTENTION_FUZZ_SEED"] ?? 1);
const maxCaseMilliseconds = 1000;
/** Cases that are run however slow the machine is: with the default seed they meet every kind of refusal. */
const minCases = 4000;

interface Findings {
  cases: number;
  accepted: number;
  /** Kinds of refusal met, with their counts. */
  readonly refusals: Map<string, number>;
}

/**
 * Mutates files until the time is over. `consume` must return or throw a typed error, which `classify` names; anything
 * else fails with the case's bytes in base64, to be added to the corpus of hostile files.
 */
function fuzz(
  starts: readonly Uint8Array[],
  milliseconds: number,
  mutate: (bytes: Uint8Array, random: () => number) => Uint8Array,
  consume: (bytes: Uint8Array) => void,
  classify: (error: unknown) => string | undefined,
): Findings {
  const findings: Findings = { cases: 0, accepted: 0, refusals: new Map() };
  const random = seededRandom(seed);
  const pool = [...starts];
  for (const end = performance.now() + milliseconds; performance.now() < end || findings.cases < minCases; findings.cases++) {
    const bytes = mutate(pool[Math.floor(random() * pool.length)]!, random);
    const context = () => `seed ${seed}, case ${findings.cases}: ${Buffer.from(bytes).toString("base64")}`;
    const attempt = () => {
      const start = performance.now();
      try {
        consume(bytes);
        return { error: undefined, took: performance.now() - start };
      } catch (error) {
        return { error, took: performance.now() - start };
      }
    };
    let { error, took } = attempt();
    // Only a case that is slow every time hangs; the machine may have been busy.
    for (let again = 0; again < 3 && took > maxCaseMilliseconds; again++) ({ error, took } = attempt());
    if (took > maxCaseMilliseconds) expect.fail(`A case took ${took} ms; ${context()}`);
    if (error === undefined) {
      findings.accepted++;
      // A file that is still valid is a new place to begin from.
      if (pool.length < 200 && bytes.length < 8192) pool.push(bytes);
    } else {
      const kind = classify(error);
      if (kind === undefined) expect.fail(`${error instanceof Error ? error.message : "no error"}; ${context()}`);
      findings.refusals.set(kind, (findings.refusals.get(kind) ?? 0) + 1);
    }
  }
  return findings;
}

function report(what: string, { cases, accepted, refusals }: Findings): void {
  const kinds = [...refusals].sort((a, b) => b[1] - a[1]).map(([kind, count]) => `${kind} ${count}`);
  console.log(`${what}: ${cases} cases, ${accepted} accepted, refused: ${kinds.join(", ")}`);
}

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
