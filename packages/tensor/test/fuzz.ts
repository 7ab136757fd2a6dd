import { seededRandom } from "@elastic-attention/fixtures";
import { expect } from "vitest";

/** Seconds for the fuzzers of a test file together; `pnpm fuzz` asks for more. */
export const fuzzSeconds = Number(process.env["ELASTIC_ATTENTION_FUZZ_SECONDS"] ?? 3);
const seed = Number(process.env["ELASTIC_ATTENTION_FUZZ_SEED"] ?? 1);
const maxCaseMilliseconds = 1000;
/** Cases that are run however slow the machine is: with the default seed they meet every kind of refusal. */
const minCases = 4000;

export interface Findings {
  cases: number;
  accepted: number;
  /** Kinds of refusal met, with their counts. */
  readonly refusals: Map<string, number>;
}

/**
 * Mutates files until the time is over. `consume` must return or throw a typed error, which `classify` names; anything
 * else fails with the case's bytes in base64, to be added to the corpus of hostile files.
 */
export function fuzz(
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

export function report(what: string, { cases, accepted, refusals }: Findings): void {
  const kinds = [...refusals].sort((a, b) => b[1] - a[1]).map(([kind, count]) => `${kind} ${count}`);
  console.log(`${what}: ${cases} cases, ${accepted} accepted, refused: ${kinds.join(", ")}`);
}
