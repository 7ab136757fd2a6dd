import { describe, expect, it } from "vitest";
import { TokenizerError } from "@elastic-attention/core";
import { TokenizerPipeline } from "../../src/index.js";
import { ownTables, readTokenizer, tableNames } from "../golden.js";
import { timeTaken } from "@elastic-attention/fixtures";
import { type Draw, numbers, randomPattern } from "./random-pattern.js";

/** How long to go on: `pnpm fuzz` takes a minute, the suite looks at the same few files every time. */
const seconds = Number(process.env["ELASTIC_ATTENTION_FUZZ_SECONDS"] ?? 0);
const firstSeed = Number(process.env["ELASTIC_ATTENTION_FUZZ_SEED"] ?? 1);
const fewest = 120;
/** What takes longer is a hang, also on a busy machine: a search is stopped after 0.45 s, and a file can hold several. */
const hangMilliseconds = 3000;

const replacements: readonly unknown[] = [null, true, false, 0, 1, -1, 1e300, "", "a", "▁", "\ud800", "(a+)+$", "[", [], {}, [[]], { type: "Sequence" }, { type: "NFKC" }];
const texts = [
  "Hello, wörld 12! <s> 你好   \n don't ﬁn aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
  `${"a".repeat(3000)}! ${"ab ".repeat(300)}`,
  "\u0000\ufeff\ud800x \r\n\t 👩‍👩‍👧 İSTANBUL Σας 1²Ⅷ",
];

/** Changes one value somewhere in a description; vocabularies are seldom what is changed. */
function mutate(root: Record<string, unknown>, draw: Draw): void {
  const places: [holder: Record<string, unknown>, key: string][] = [];
  const visit = (value: unknown, depth: number): void => {
    if (typeof value !== "object" || value === null || depth > 8) return;
    for (const key of Object.keys(value).slice(0, 30)) {
      places.push([value as Record<string, unknown>, key]);
      visit((value as Record<string, unknown>)[key], depth + 1);
    }
  };
  visit(root, 0);
  const [holder, key] = places[draw(places.length)]!;
  const other = places[draw(places.length)]!;
  const kind = draw(4);
  // A list from JSON has no holes.
  if (kind === 0 && Array.isArray(holder)) holder.splice(Number(key), 1);
  else if (kind === 0) delete holder[key];
  else if (kind === 1) holder[key] = structuredClone(other[0][other[1]]);
  else holder[key] = replacements[draw(replacements.length)];
}

/** Puts a pattern into a part where patterns stand. */
function addPattern(root: Record<string, unknown>, draw: Draw): void {
  const pattern = { Regex: randomPattern(draw) };
  const behavior = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"][draw(5)];
  const name = ["pre_tokenizer", "normalizer", "decoder"][draw(3)]!;
  root[name] = name === "pre_tokenizer" ? { type: "Split", pattern, behavior, invert: draw(2) === 0 } : { type: "Replace", pattern, content: ["", "-", "aa"][draw(3)] };
}

function use(description: Record<string, unknown>, draw: Draw): void {
  const tokenizer = new TokenizerPipeline(description, draw(3) === 0 ? { add_bos_token: true, bos_token: "<s>" } : {});
  for (const text of texts) {
    const ids = tokenizer.encode(text, { limit: 100_000 });
    const stream = tokenizer.decodeStream();
    const pieces = [...Array.from(ids, (id) => stream.push(id)), stream.end()];
    if (pieces.join("") !== tokenizer.decode(ids)) throw new Error("the pieces are not what decoding at once gives");
  }
  tokenizer.decode([0, 1, 2 ** 31, -1, 1.5, Number.NaN, 5]);
}

describe("a tokenizer file that was changed at random", () => {
  const sources = tableNames(ownTables).map((name) => JSON.stringify(readTokenizer(ownTables, name)));

  it.each([
    ["parts", mutate],
    ["patterns", addPattern],
  ] as const)("loads and works, or is refused with a typed error: %s", { timeout: (seconds + 240) * 1000 }, (name, change) => {
    const end = performance.now() + seconds * 500;
    let refused = 0;
    let worked = 0;
    let seed = firstSeed;
    for (; performance.now() < end || seed < firstSeed + fewest; seed++) {
      const draw = numbers(seed);
      const description = JSON.parse(sources[draw(sources.length)]!) as Record<string, unknown>;
      for (let count = draw(3) === 0 ? 2 : 1; count > 0; count--) change(description, draw);
      let failure: unknown;
      const milliseconds = timeTaken(() => {
        try {
          use(description, draw);
          worked++;
        } catch (error) {
          failure = error;
          refused++;
        }
      });
      const file = JSON.stringify({ ...description, model: "" }).slice(0, 1500);
      expect(failure === undefined || TokenizerError.isInstance(failure), `seed ${seed}: ${(failure as Error | undefined)?.stack}\n${file}`).toBe(true);
      expect(milliseconds, `seed ${seed}: ${file}`).toBeLessThan(hangMilliseconds);
    }
    expect(Math.min(refused, worked)).toBeGreaterThan(0);
    if (seconds > 0) console.log(`${name}: ${seed - firstSeed} files, ${refused} refused, from seed ${firstSeed}`);
  });
});
