import { asciiPunctuation, splitWords } from "./python-text.js";

/** Articles as whole words; word characters are letters and digits of any script, as in Python. */
const articles = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;

/** Lower case, without ASCII punctuation and English articles, words separated by one space (SQuAD). */
export function normalizeAnswer(text: string): string {
  return splitWords(text.toLowerCase().replace(asciiPunctuation, "").replace(articles, " ")).join(" ");
}

/** Harmonic mean of precision and recall over the words of both normalised texts, each counted as often as it occurs. */
export function questionAnsweringF1(prediction: string, reference: string): number {
  const predicted = splitWords(normalizeAnswer(prediction));
  const expected = splitWords(normalizeAnswer(reference));
  const left = new Map<string, number>();
  for (const word of expected) left.set(word, (left.get(word) ?? 0) + 1);
  let common = 0;
  for (const word of predicted) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    common += 1;
  }
  if (common === 0) return 0;
  const precision = common / predicted.length;
  const recall = common / expected.length;
  return (2 * precision * recall) / (precision + recall);
}
