import { embedBlocks, embedding, fromBFloat16, fromFloat16, type FloatDType, LinearWeight, type Tensor, toBFloat16, toFloat16 } from "@elastic-attention/tensor";
import type { ModelSpec } from "../model/model-spec.js";
import type { Runner } from "./decoder-layer.js";
import type { DecoderWeights } from "./decoder-weights.js";

/** What embeds tokens. */
export interface Embedder {
  readonly spec: Pick<ModelSpec, "embeddingScale">;
  readonly weights: Pick<DecoderWeights, "embedding">;
}

/** The residual stream's first rows: the embeddings of tokens i32 [rows], scaled as the model has them, to [rows, hidden]. */
export function embedTokens(runner: Runner, { spec, weights }: Embedder, ids: Tensor, output: Tensor): void {
  const scale = roundTo(spec.embeddingScale, output.dtype as FloatDType);
  const { embedding: table } = weights;
  if (table instanceof LinearWeight) runner.run(embedBlocks, { ids, table, scale, output });
  else runner.run(embedding, { ids, table, scale, output });
}

/** Published models keep the factor in the type that they compute in. */
function roundTo(value: number, dtype: FloatDType): number {
  if (dtype === "bf16") return fromBFloat16(toBFloat16(value));
  return dtype === "f16" ? fromFloat16(toFloat16(value)) : Math.fround(value);
}
