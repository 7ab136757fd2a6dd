import { UnknownNameError } from "@elastic-attention/core";

/** The wanted names in the suite's order; all without a wish. @throws UnknownNameError with the nearest name */
export function selectTasks(known: readonly string[], wanted: readonly string[] | undefined): readonly string[] {
  if (wanted === undefined) return known;
  for (const name of wanted) if (!known.includes(name)) throw new UnknownNameError("task", name, known);
  return known.filter((name) => wanted.includes(name));
}
