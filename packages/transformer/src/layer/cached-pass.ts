import type { AttentionScores } from "@elastic-attention/attention";
import type { Tensor } from "@elastic-attention/tensor";
import { attendHeads, attentionScores } from "./attend-heads.js";
import type { LayerPass, LayerSteps } from "./decoder-layer.js";
import { type ForwardPass, runnerOf } from "./forward-pass.js";

/** The attention of one layer over sequences that keep their keys and values in caches. */
export interface CachedAttention extends Disposable {
  /** Sees keys and queries before RoPE, [rows, heads, headDim] each; they are rotated in place when it returns. */
  beforeRotation?(key: Tensor, query: Tensor): void;
  /** Attention of rotated queries into `output`, [rows, queryHeads, headDim] each; the caches hold the new tokens. */
  attend(query: Tensor, output: Tensor, scores: AttentionScores): LayerSteps;
}

/** Prefill and decode: activations in one workspace, the residual stream updated in place, keys and values in the caches. */
export function cachedPass(pass: ForwardPass, attentionOf: (layer: number) => CachedAttention): LayerPass {
  const { spec, batch, workspace, rotations } = pass;
  const { hidden, queryKeyValue } = workspace;
  const runner = runnerOf(pass);
  return {
    spec,
    runner,
    scratch: workspace,
    stream: { before: hidden, between: hidden, after: hidden },
    chunks: workspace.chunks,
    queryKeyValue,
    part: (_inputs, _output, body) => body(runner, workspace),
    *attend(weights, layer) {
      using attention = attentionOf(layer);
      const heads = {
        spec,
        runner,
        rotation: () => rotations.of(layer),
        beforeRotation(key: Tensor, query: Tensor) {
          attention.beforeRotation?.(key, query);
          return key;
        },
        store(key: Tensor, value: Tensor) {
          for (const [index, cache] of batch.caches.entries()) {
            const [start, end] = [batch.offsets[index]!, batch.offsets[index + 1]!];
            cache.append(layer, key.rows(start, end), value.rows(start, end));
          }
        },
        *attend(query: Tensor): LayerSteps<Tensor> {
          yield* attention.attend(query, workspace.attention.reshape(query.shape), attentionScores(spec, weights));
          return workspace.attention;
        },
      };
      return yield* attendHeads(heads, weights, queryKeyValue);
    },
  };
}
