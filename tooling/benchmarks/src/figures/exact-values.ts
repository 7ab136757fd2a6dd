/**
 * bf16 patterns that the oneDNN program fills its operands with too: multiples of 1/128 in [-1, 1). Sums of a few
 * thousand of their products are exact in float32, so that both sides must agree to the last bit.
 */
export function exactValues(count: number, salt: number): Uint16Array {
  const float = new Float32Array(1);
  const bits = new Uint32Array(float.buffer);
  const patterns = Uint16Array.from({ length: 256 }, (_, byte) => {
    float[0] = (byte < 128 ? byte : byte - 256) / 128;
    return bits[0]! >>> 16;
  });
  const values = new Uint16Array(count);
  for (let i = 0; i < count; i++) {
    let hash = Math.imul(i + salt, 2654435761);
    hash ^= hash >>> 15;
    hash = Math.imul(hash, 2246822519);
    hash ^= hash >>> 13;
    values[i] = patterns[hash >>> 24]!;
  }
  return values;
}

/** FNV-1a over 16-bit patterns. */
export function checksum(values: Uint16Array): number {
  let hash = 2166136261;
  for (const value of values) hash = Math.imul(hash ^ value, 16777619);
  return hash >>> 0;
}
