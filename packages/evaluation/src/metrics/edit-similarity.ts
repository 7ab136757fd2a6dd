import { roundHalfToEven } from "./python-text.js";
import { sequenceSimilarity } from "./sequence-similarity.js";

/** fuzzywuzzy's `ratio` (without python-Levenshtein, as LongBench installs it) over 100: two decimal places. */
export function textRatio(left: string, right: string): number {
  if (left === right) return 1;
  if (left === "" || right === "") return 0;
  return roundHalfToEven(100 * sequenceSimilarity(Array.from(left), Array.from(right))) / 100;
}

/** Similarity of the reference to the first predicted line that holds neither a comment (`#`, `//`) nor a backtick. */
export function codeSimilarity(prediction: string, reference: string): number {
  const lines = prediction.replace(/^\n+/, "").split("\n");
  return textRatio(lines.find((line) => !/[`#]|\/\//.test(line)) ?? "", reference);
}
