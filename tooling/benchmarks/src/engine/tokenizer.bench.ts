import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { demoModelDirectory } from "@elastic-attention/demo-model";
import { mobyDick } from "@elastic-attention/evaluation";
import { Tokenizer } from "@elastic-attention/generation";
import { TokenizerPipeline } from "@elastic-attention/tokenizer";
import type { Benchmark } from "../benchmark.js";
import { type Figure, figure } from "../figures/figure.js";
import { duration, rate, type Summary } from "../figures/statistics.js";
import { tokenizersPeer } from "../peers/tokenizers-peer.js";
import { largeTokenizer } from "../workloads/large-tokenizer.js";

const require = createRequire(import.meta.url);
const characters = 1_000_000;
/** Runs of one side before the other has its turn. */
const timesInARow = 3;
const largeVocabulary = 128_000;

export const benchmark: Benchmark = {
  description: "Text to token ids: English, code, Chinese, spaces; against the npm package tokenizers where it is installed",
  async run(options, progress) {
    // A model's folder takes the demo model's place.
    const directory = process.env["ELASTIC_ATTENTION_TOKENIZER"] ?? demoModelDirectory();
    const rounds = options.rounds ?? (options.tiny ? 1 : 5);
    const figures: Figure[] = [await loading("reading the tokenizer", rounds, () => Tokenizer.load(directory))];
    const file = largeTokenizer(options.tiny ? 2000 : largeVocabulary);
    figures.push(await loading(`reading a tokenizer of ${largeVocabulary} tokens`, rounds, () => new TokenizerPipeline(JSON.parse(file))));
    const tokenizer = Tokenizer.load(directory);
    const found = options.peers ? tokenizersPeer(join(directory, "tokenizer.json")) : "Peers were left out.";
    const peer = typeof found === "string" ? undefined : found;
    for (const [name, whole] of Object.entries(texts())) {
      const text = options.tiny ? whole.slice(0, 20_000) : whole;
      const megabytes = Buffer.byteLength(text) / 1e6;
      const [ours, theirs]: [number[], number[]] = [[], []];
      if (peer !== undefined) checkIds(name, tokenizer.encode(text, { addSpecialTokens: false }), (await peer.encode(text)).getIds());
      for (let round = 0; round < rounds; round++) {
        ours.push(await bestOf(() => tokenizer.encode(text)));
        if (peer !== undefined) theirs.push(await bestOf(() => peer.encode(text)));
      }
      const peerRate: Summary | undefined = peer === undefined ? undefined : rate("tokenizers (Rust)", theirs, megabytes);
      const target = { bound: "at least" as const, value: 0.5 };
      figures.push(figure({ what: `encoding ${name}`, unit: "MB/s", ours: rate("this project", ours, megabytes), peer: peerRate, higherIsBetter: true, target, targetIsRatio: true, note: spread(ours, theirs) }));
      progress(`${name}: ${(megabytes / Math.min(...ours)).toFixed(1)} MB/s`);
    }
    return { figures, notes: typeof found === "string" ? [found] : [] };
  },
};

/** Whole seconds of reading, the parsing of JSON included. */
async function loading(what: string, rounds: number, load: () => unknown): Promise<Figure> {
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) seconds.push(await secondsOf(load));
  return figure({ what, unit: "ms", ours: duration("this project", seconds, 0.001), higherIsBetter: false, target: { bound: "at most", value: 600 } });
}

/** @throws Error when the sides disagree; the peer may put special tokens around. */
function checkIds(name: string, ours: Int32Array, theirs: ArrayLike<number>): void {
  const all = Array.from(theirs);
  const inner = all.slice(all.indexOf(ours[0]!));
  if (ours.some((id, index) => id !== inner[index])) throw new Error(`${name}: the two sides give different ids.`);
}

/** The quickest of a few times in a row: whatever else the machine does takes time, and never gives any. */
async function bestOf(work: () => unknown): Promise<number> {
  let best = Infinity;
  for (let time = 0; time < timesInARow; time++) best = Math.min(best, await secondsOf(work));
  return best;
}

/** How far the ratio moves from round to round: far, where something else was running. */
function spread(ours: readonly number[], theirs: readonly number[]): string | undefined {
  if (theirs.length === 0) return undefined;
  const ratios = ours.map((seconds, round) => theirs[round]! / seconds);
  return `${Math.min(...ratios).toFixed(2)}x to ${Math.max(...ratios).toFixed(2)}x in single rounds`;
}

/**
 * By the clock or by the processor, whichever is less: both sides work on one thread, the peer on one that a busy machine
 * makes wait longer than ours.
 */
async function secondsOf(work: () => unknown): Promise<number> {
  const [start, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return Math.min((performance.now() - start) / 1000, (user + system) / 1e6);
}

function texts(): Readonly<Record<string, string>> {
  const english = mobyDick().slice(0, characters);
  const source = readFileSync(require.resolve("typescript/lib/typescript.js"), "utf8").slice(0, characters);
  return { English: english, code: source, Chinese: chinese(characters / 3), spaces: `${" ".repeat(characters)}x` };
}

/** Sentences of frequent and seldom signs, as the distribution of a text has them. */
function chinese(length: number): string {
  let state = 7;
  const draw = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  let text = "";
  while (text.length < length) {
    for (let count = 6 + draw(20); count > 0; count--) text += String.fromCodePoint(0x4e00 + draw(1 + draw(3000)));
    text += draw(2) === 0 ? "\uff0c" : "\u3002";
  }
  return text;
}
