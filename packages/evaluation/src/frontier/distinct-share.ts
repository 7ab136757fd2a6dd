/** Words of a run that counts as one thing said. */
const runWords = 4;

/**
 * How much of a text is said once: different runs of four words, as a share of all of them. 1 where nothing repeats, near 0 for
 * one sentence again and again; texts too short to repeat have 1.
 */
export function distinctShare(text: string): number {
  const words = text.split(/\s+/).filter((word) => word !== "");
  const runs = Array.from({ length: Math.max(0, words.length - runWords + 1) }, (_, start) => words.slice(start, start + runWords).join(" "));
  return runs.length <= 1 ? 1 : new Set(runs).size / runs.length;
}
