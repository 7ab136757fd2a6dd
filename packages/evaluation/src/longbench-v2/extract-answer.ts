/**
 * The letter of the answer as LongBench-v2 reads it: stars are ignored, the letter in brackets comes first.
 *
 * @returns undefined when the text says no letter in the form that was asked for
 */
export function extractAnswer(response: string): string | undefined {
  const text = response.replaceAll("*", "");
  return (/The correct answer is \(([A-D])\)/.exec(text) ?? /The correct answer is ([A-D])/.exec(text))?.[1];
}
