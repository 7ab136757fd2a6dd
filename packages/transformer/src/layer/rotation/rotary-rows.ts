import type { QueryScaling } from "../../model/model-spec.js";

/**
 * Cosines and sines of `count` positions from `first` on, [count, pairs], made on the host: the same numbers as the operation
 * `rotaryTables` gives, for tables that it cannot make.
 */
export function rotaryRows(frequencies: Float32Array, first: number, count: number, scaleAt: (position: number) => number) {
  const pairs = frequencies.length;
  const [cosine, sine] = [new Float32Array(count * pairs), new Float32Array(count * pairs)];
  for (let row = 0; row < count; row++) {
    const position = first + row;
    const scale = scaleAt(position);
    for (let pair = 0; pair < pairs; pair++) {
      const angle = Math.fround(position * frequencies[pair]!);
      cosine[row * pairs + pair] = Math.cos(angle) * scale;
      sine[row * pairs + pair] = Math.sin(angle) * scale;
    }
  }
  return { cosine, sine };
}

/** What multiplies the query at a position; 1 without scaling. */
export function queryFactor(scaling: QueryScaling | undefined, position: number): number {
  if (scaling === undefined) return 1;
  return 1 + scaling.beta * Math.log(1 + Math.floor(position / scaling.originalContextLength));
}
