/**
 * The shortest decimal that a float32 stands for: files keep 1e-5 as the float32 nearest to it, and the config that it came
 * from says 1e-5. What a backend computes in float32 is the same either way.
 */
export function shortestFloat(value: number): number {
  if (!Number.isFinite(value) || Math.fround(value) !== value) return value;
  for (let digits = 1; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return shorter;
  }
  return value;
}
