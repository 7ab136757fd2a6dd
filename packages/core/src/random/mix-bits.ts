/**
 * Mixes 32 bits by multiply and xor-shift rounds: every bit of the input moves every bit of the result. Random numbers by
 * place instead of by order are made of it: the number at a seed and a counter is the same whoever draws it and when.
 *
 * @returns a whole number in [0, 2^32)
 */
export function mixBits(value: number): number {
  let bits = value >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x7feb352d);
  bits = Math.imul(bits ^ (bits >>> 15), 0x846ca68b);
  return (bits ^ (bits >>> 16)) >>> 0;
}
