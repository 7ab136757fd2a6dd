import { splitWords } from "./python-text.js";

/**
 * ROUGE-L at summary level, F measure, as LongBench computes it: sentences end at full stops, words are case-sensitive and
 * counted once however often they occur, and for each reference sentence the union of its longest common subsequences
 * with all sentences of the prediction counts those words that no earlier one found.
 *
 * @returns 0 for a text without a sentence.
 */
export function rougeL(prediction: string, reference: string): number {
  const predicted = sentences(prediction);
  const expected = sentences(reference);
  if (predicted.length === 0 || expected.length === 0) return 0;
  const found = new Set<string>();
  for (const sentence of expected) {
    for (const candidate of predicted) for (const word of longestCommonSubsequence(sentence, candidate)) found.add(word);
  }
  const recall = found.size / new Set(expected.flat()).size;
  const precision = found.size / new Set(predicted.flat()).size;
  return 2 * ((precision * recall) / (precision + recall + 1e-8));
}

/** Words of each sentence. White space between two full stops is a sentence of one empty word. */
function sentences(text: string): string[][] {
  return text
    .split(".")
    .filter((sentence) => sentence !== "")
    .map((sentence) => splitWords(sentence).join(" ").split(" "));
}

/**
 * The words of one longest common subsequence. Of several the one that a walk from the ends finds, which prefers to drop
 * the last word of `right`: which words are found decides how many of them are new.
 */
function longestCommonSubsequence(left: readonly string[], right: readonly string[]): string[] {
  const width = right.length + 1;
  const lengths = new Uint32Array((left.length + 1) * width);
  for (let row = 1; row <= left.length; row++) {
    for (let column = 1; column <= right.length; column++) {
      const at = row * width + column;
      lengths[at] =
        left[row - 1] === right[column - 1] ? lengths[at - width - 1]! + 1 : Math.max(lengths[at - width]!, lengths[at - 1]!);
    }
  }
  const words: string[] = [];
  let row = left.length;
  let column = right.length;
  while (row > 0 && column > 0) {
    const at = row * width + column;
    if (left[row - 1] === right[column - 1]) {
      words.push(left[row - 1]!);
      row -= 1;
      column -= 1;
    } else if (lengths[at - width]! > lengths[at - 1]!) {
      row -= 1;
    } else {
      column -= 1;
    }
  }
  return words;
}
