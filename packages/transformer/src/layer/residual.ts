import { cast, linear, type Tensor } from "@elastic-attention/tensor";
import type { Runner } from "./decoder-layer.js";
import type { Projection } from "./decoder-weights.js";

/** to = from + projection(input), rows of the residual stream; `from` and `to` are one tensor where it is updated in place. */
export function addProjection(
  runner: Runner,
  { from, to, input, projection }: { readonly from: Tensor; readonly to: Tensor; readonly input: Tensor; readonly projection: Projection },
): void {
  if (to !== from) runner.run(cast, { input: from, output: to });
  runner.run(linear, { input, ...projection, output: to, accumulate: true });
}
