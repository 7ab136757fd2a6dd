import { digitRuns } from "./python-text.js";

/** Share of the numbers in the prediction that are the reference; 0 without numbers (passage count). */
export function countScore(prediction: string, reference: string): number {
  const numbers = digitRuns(prediction);
  return numbers.length === 0 ? 0 : numbers.filter((number) => number === reference).length / numbers.length;
}

/**
 * Share of the numbers in the prediction that are the reference's paragraph number (passage retrieval).
 *
 * @param reference `Paragraph 12`
 */
export function retrievalScore(prediction: string, reference: string): number {
  const wanted = /Paragraph (\p{Nd}+)/u.exec(reference)?.[1];
  return wanted === undefined ? 0 : countScore(prediction, wanted);
}
