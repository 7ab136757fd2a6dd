import { type AttentionObserver, type Router } from "@elastic-attention/router";
import type { DecoderModel } from "../decoder-model.js";

/** Raw numerics of one prompt, for comparing implementations. */
export interface ForwardResult {
  /** f32 [rows, vocabulary]. */
  readonly logits: Float32Array;
  readonly rows: number;
  /** u8 [layers, kvHeads]: 1 where the head is in the retrieval mode; 0 in layers with a sliding window. */
  readonly fullHeads: Uint8Array;
  /** f32 [routed layers, kvHeads, 2] of a learned router; undefined otherwise. */
  readonly routerLogits: Float32Array | undefined;
}

/** Prefills a prompt and returns the logits of its last rows, the routing and the router's logits. */
export async function forward(
  model: DecoderModel,
  tokens: ArrayLike<number>,
  lastRows: number,
  router?: Router,
): Promise<ForwardResult> {
  using cache = model.createCache({ paged: false });
  const routerLogits: number[] = [];
  const observer: AttentionObserver = {
    afterRoute: ({ plan }) => void routerLogits.push(...(plan.logits?.toFloat32() ?? [])),
  };
  const sequence = router === undefined ? { tokens, cache } : { tokens, cache, router };
  const { logits, sequences } = await model.prefill({ sequences: [sequence], logitsRows: lastRows, observer });
  using owned = logits;
  return {
    logits: owned.toFloat32(),
    rows: owned.numRows,
    fullHeads: Uint8Array.from(sequences[0]!.routing.assignment.flatMap((heads) => fullHeads(heads, model.spec.numKeyValueHeads))),
    routerLogits: routerLogits.length > 0 ? Float32Array.from(routerLogits) : undefined,
  };
}

/** Nothing was assigned in a layer whose mode the model fixes. */
function fullHeads(assignment: readonly number[], heads: number): number[] {
  return Array.from({ length: heads }, (_, head) => (assignment[head] === 0 ? 1 : 0));
}
