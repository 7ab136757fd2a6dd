import type { Tensor } from "@elastic-attention/tensor";
import type { ModelSpec } from "../model/model-spec.js";

/** Views of the fused projection as heads: [tokens, heads, headDim] each. */
export function splitHeads(fused: Tensor, { numQueryHeads, numKeyValueHeads, headDim }: ModelSpec) {
  const [queries, keys] = [numQueryHeads * headDim, numKeyValueHeads * headDim];
  const heads = (start: number, count: number) =>
    fused.columns(start, start + count * headDim).reshape([fused.numRows, count, headDim]);
  return {
    query: heads(0, numQueryHeads),
    key: heads(queries, numKeyValueHeads),
    value: heads(queries + keys, numKeyValueHeads),
  };
}
