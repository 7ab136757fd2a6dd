/** Density of the standard normal distribution. */
export function gaussianDensity(x: number): number {
  return Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
}

/** Φ, the distribution function of the standard normal distribution, to about 1e-15 relative to the smaller tail. */
export function gaussianDistribution(x: number): number {
  if (Number.isNaN(x)) return NaN;
  const tail = Math.abs(x) < 3 ? 0.5 - central(Math.abs(x)) : upperTail(Math.abs(x));
  return x < 0 ? tail : 1 - tail;
}

/** Φ(x) − 1/2 by its series, whose terms are all positive: no cancellation. */
function central(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 3; term > sum * 1e-17; n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return sum * gaussianDensity(x);
}

/** 1 − Φ(x) for x ≥ 3 by its continued fraction, evaluated from a depth that suffices there. */
function upperTail(x: number): number {
  let fraction = x;
  for (let n = 60; n > 0; n--) fraction = x + n / fraction;
  return gaussianDensity(x) / fraction;
}
