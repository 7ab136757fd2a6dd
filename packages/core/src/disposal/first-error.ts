/** Of an error that hides behind failures to free what it left (`using` makes a SuppressedError of them), the error itself. */
export function firstError(error: unknown): unknown {
  let first = error;
  while (first instanceof Error && first.name === "SuppressedError" && "suppressed" in first) first = first.suppressed;
  return first;
}
