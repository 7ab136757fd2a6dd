import type { OracleTensor } from "./oracle-model.js";

/** weight · row + bias, for a weight [out, in]. */
export function product({ shape, values }: OracleTensor, bias: OracleTensor | undefined, row: Float64Array): Float64Array {
  const [outputs, inputs] = shape as [number, number];
  return Float64Array.from({ length: outputs }, (_, output) => {
    let sum = bias?.values[output] ?? 0;
    for (let input = 0, at = output * inputs; input < inputs; input++) sum += values[at + input]! * row[input]!;
    return sum;
  });
}
