import { SampleError } from "@elastic-attention/core";
import { type Draft, type DraftRequest, requireRoom } from "../tokens/fit-samples.js";
import { frequentWords } from "./templates.js";

const letters = "abcdefghijklmnopqrstuvwxyz";
const wordLength = 6;
const noise = "...";
/** The zeta distribution's exponent in RULER, and zeta(2). */
const exponent = 2;
const zetaOfExponent = Math.PI ** 2 / 6;

/**
 * Coded words whose frequency falls with their rank as a zeta distribution; the first rank is noise, the next three are
 * asked for. The vocabulary has one word for every 50 tokens of the context.
 *
 * @throws SampleError
 */
export function frequentWordsDraft(name: string, request: DraftRequest): Draft {
  const { counter, random, room } = request;
  const fixed = counter.count(frequentWords.before) + counter.count(frequentWords.after, " x") + counter.count(frequentWords.answerPrefix, "x?");
  requireRoom(name, fixed + 200, request);
  const size = Math.max(4, Math.floor(room / 50));
  const unique = new Set<string>();
  while (unique.size < size) unique.add(random.letters(letters, wordLength));
  const vocabulary = [...unique].map((word, rank) => (rank === 0 ? noise : word));
  const costs = vocabulary.map((word) => counter.measure(` ${word}`, " x"));
  const repeats = (words: number, rank: number) => Math.floor((words * (rank + 1) ** -exponent) / zetaOfExponent);
  const tokens = (words: number) => costs.reduce((sum, cost, rank) => sum + cost * repeats(words, rank), fixed);
  // The most words that fit; the sum grows with their number.
  let [fits, exceeds] = [0, room];
  while (exceeds - fits > 1) {
    const middle = Math.floor((fits + exceeds) / 2);
    if (tokens(middle) <= room) fits = middle;
    else exceeds = middle;
  }
  if (repeats(fits, 3) <= repeats(fits, 4)) {
    throw new SampleError(`${name} at ${request.length} tokens has no three most frequent words.`, "Choose a longer length.");
  }
  const list = vocabulary.flatMap((word, rank) => Array.from({ length: repeats(fits, rank) }, () => word));
  return {
    prompt: frequentWords.before + random.shuffle(list).join(" ") + frequentWords.after,
    answerPrefix: frequentWords.answerPrefix,
    references: vocabulary.slice(1, 4),
    tokens: tokens(fits),
    metadata: { words: "coded" },
  };
}
