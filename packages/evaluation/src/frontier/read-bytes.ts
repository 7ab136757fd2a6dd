import { slotBytes, tokensRead, type AttentionMode } from "@elastic-attention/attention";
import type { PretrainedModel } from "@elastic-attention/transformer";

/**
 * Bytes of keys and values, bounds of pages included, that the model reads for one decoded token when the sequence has `length`
 * of them: what limits decoding on any device. From the plan, not measured.
 *
 * @param headMap [layer][kvHead]: indices into `modes`; empty in layers whose window the model fixes
 * @param decode "full": every head reads everything
 */
export function readBytesPerToken(
  { spec, decoder }: Pick<PretrainedModel, "spec" | "decoder">,
  headMap: readonly (readonly number[])[],
  modes: readonly AttentionMode[],
  length: number,
  decode: "routed" | "full",
): number {
  const byMode = modes.map((mode) => (decode === "full" ? length : tokensRead(mode, length)));
  let tokens = 0;
  for (const [layer, { window }] of spec.layers.entries()) {
    const heads = headMap[layer] ?? [];
    if (window !== undefined) tokens += spec.numKeyValueHeads * Math.min(window, length);
    else for (let head = 0; head < spec.numKeyValueHeads; head++) tokens += byMode[heads[head] ?? 0]!;
  }
  return tokens * slotBytes({ headDim: spec.headDim, dtype: decoder.dtype });
}
