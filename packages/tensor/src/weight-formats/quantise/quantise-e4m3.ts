/** The largest number of e4m3. */
const largestE4M3 = 448;

/** The nearest number of e4m3, of two the one with an even fraction; larger ones become the largest. */
export function roundToE4M3(value: number): number {
  const magnitude = Math.abs(value);
  if (!(magnitude < largestE4M3)) return Number.isNaN(value) ? value : Math.sign(value) * largestE4M3;
  // Three bits of fraction; below 2^-6 numbers are multiples of 2^-9.
  const unit = 2 ** (Math.max(-6, Math.floor(Math.log2(magnitude))) - 3);
  return unit * roundToEven(value / unit);
}

/** The pattern of that number; NaN stays NaN. */
export function e4m3Pattern(value: number): number {
  const magnitude = Math.abs(roundToE4M3(value));
  if (Number.isNaN(magnitude)) return 0x7f;
  const sign = value < 0 || Object.is(value, -0) ? 0x80 : 0;
  if (magnitude < 2 ** -6) return sign | (magnitude * 2 ** 9);
  const exponent = Math.floor(Math.log2(magnitude));
  return sign | ((exponent + 7) << 3) | ((magnitude / 2 ** exponent - 1) * 8);
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1;
}

/** The float32 scale under which the largest magnitude of finite numbers is 448; 1 where all are 0. */
function rowScale(values: Float32Array): number {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return largest === 0 ? 1 : Math.max(Math.fround(largest / largestE4M3), 2 ** -126);
}

/** The patterns of finite numbers under such a scale. @returns the scale */
export function quantiseRowToE4M3(values: Float32Array, patterns: Uint8Array): number {
  const scale = rowScale(values);
  for (let i = 0; i < values.length; i++) {
    scratch[0] = values[i]! / scale;
    const bits = scratchBits[0]!;
    const magnitude = bits & 0x7fffffff;
    // Normal numbers lose 20 of the 23 bits of their fraction, and their exponent 120 of its bias.
    patterns[i] = magnitude < 0x3c800000 ? e4m3Pattern(scratch[0]!) : ((bits >>> 24) & 0x80) | Math.min(0x7e, ((magnitude + 0x7ffff + ((magnitude >>> 20) & 1)) >>> 20) - (120 << 3));
  }
  return scale;
}

const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** Rounds finite numbers, in place, to e4m3 under the float32 scale that makes the largest magnitude 448. */
export function roundRowToE4M3(values: Float32Array): void {
  const scale = rowScale(values);
  for (let i = 0; i < values.length; i++) values[i] = roundToE4M3(Math.fround(values[i]! / scale)) * scale;
}
