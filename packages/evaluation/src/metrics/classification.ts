/**
 * One over the number of class names in the prediction when the reference is among them, else 0 (few-shot
 * classification). A class name that is part of the reference does not count beside it, except right behind another such
 * name: the published metric removes from the list that it walks, and so skips one.
 */
export function classificationScore(prediction: string, reference: string, classes: readonly string[]): number {
  const matches = classes.filter((name) => prediction.includes(name));
  for (let index = 0; index < matches.length; index++) {
    const name = matches[index]!;
    if (reference.includes(name) && name !== reference) matches.splice(matches.indexOf(name), 1);
  }
  return matches.includes(reference) ? 1 / matches.length : 0;
}
