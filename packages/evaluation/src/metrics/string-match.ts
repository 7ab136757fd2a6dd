/** Share of the references that the prediction contains, in any case (RULER: needles, variables, words). */
export function matchAll(prediction: string, references: readonly string[]): number {
  const text = prediction.toLowerCase();
  return references.filter((reference) => text.includes(reference.toLowerCase())).length / references.length;
}

/** 1 when the prediction contains one of the references, in any case (RULER: question answering). */
export function matchAny(prediction: string, references: readonly string[]): number {
  const text = prediction.toLowerCase();
  return references.some((reference) => text.includes(reference.toLowerCase())) ? 1 : 0;
}
