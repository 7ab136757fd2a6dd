import { describe, expect, it } from "vitest";
import { TokenizerError } from "@elastic-attention/core";
import { TokenizerPipeline } from "../src/index.js";
import { ownTables, readTokenizer, tableNames } from "./golden.js";

/** How long to go on: `TOKENIZER_FUZZ_SECONDS=60` for a long search. */
const seconds = Number(process.env["TOKENIZER_FUZZ_SECONDS"] ?? 3);
const replacements: readonly unknown[] = [null, true, false, 0, 1, -1, 1e300, "", "a", "▁", "\ud800", "(a+)+$", "[", [], {}, [[]], { type: "Sequence" }, { type: "NFKC" }];

/** A generator of its own, so that a seed names a run. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Changes one value somewhere in a description; vocabularies are seldom what is changed. */
function mutate(root: Record<string, unknown>, next: (below: number) => number): void {
  const places: [holder: Record<string, unknown>, key: string][] = [];
  const visit = (value: unknown, depth: number): void => {
    if (typeof value !== "object" || value === null || depth > 8) return;
    for (const key of Object.keys(value).slice(0, 30)) {
      places.push([value as Record<string, unknown>, key]);
      visit((value as Record<string, unknown>)[key], depth + 1);
    }
  };
  visit(root, 0);
  const [holder, key] = places[next(places.length)]!;
  const other = places[next(places.length)]!;
  const kind = next(4);
  // A list from JSON has no holes.
  if (kind === 0 && Array.isArray(holder)) holder.splice(Number(key), 1);
  else if (kind === 0) delete holder[key];
  else if (kind === 1) holder[key] = structuredClone(other[0][other[1]]);
  else holder[key] = replacements[next(replacements.length)];
}

describe("a tokenizer file that was changed at random", () => {
  it("loads and works, or is refused with a typed error", { timeout: (seconds + 60) * 1000 }, () => {
    const sources = tableNames(ownTables).map((name) => JSON.stringify(readTokenizer(ownTables, name)));
    const end = performance.now() + seconds * 1000;
    let refused = 0;
    let worked = 0;
    for (let seed = 1; performance.now() < end || seed < 50; seed++) {
      const next = numbers(seed);
      const description = JSON.parse(sources[next(sources.length)]!) as Record<string, unknown>;
      for (let count = 1 + next(3); count > 0; count--) mutate(description, next);
      const start = performance.now();
      try {
        const tokenizer = new TokenizerPipeline(description);
        const ids = tokenizer.encode("Hello, wörld 12! <s> 你好   \n don't ﬁn aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab");
        expect(typeof tokenizer.decode(ids)).toBe("string");
        worked++;
      } catch (error) {
        expect(TokenizerError.isInstance(error), `seed ${seed}: ${(error as Error).stack}`).toBe(true);
        refused++;
      }
      expect(performance.now() - start, `seed ${seed}`).toBeLessThan(5000);
    }
    expect(Math.min(refused, worked)).toBeGreaterThan(0);
  });
});
