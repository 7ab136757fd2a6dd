import type { AttentionMode, HeadPlan } from "@elastic-attention/attention";
import type { Backend, Tensor } from "@elastic-attention/tensor";
import type { RouterDescription } from "./router-description.js";

/** What a router sees of one layer at prefill. */
export interface RouterInput {
  readonly backend: Backend;
  /** Index of the layer, from 0. */
  readonly layer: number;
  /** Key states [tokens, numKeyValueHeads, headDim] after the k norm (if any), before RoPE. */
  readonly keys: Tensor;
  /** Query states [tokens, numQueryHeads, headDim] after the q norm (if any), before RoPE; missing where nobody decides by them. */
  readonly queries?: Tensor;
  /** Row ranges of the sequences in `keys`: sequence i is rows offsets[i] to offsets[i + 1]. */
  readonly offsets: readonly number[];
  /** Where several ranks have the layer's heads together: which of them the input's are. */
  readonly share?: HeadShare;
}

/** The heads of one of several ranks, each of which asks its own copy of a router about its own heads. */
export interface HeadShare {
  /** Key-value heads of the layer on all ranks. */
  readonly numHeads: number;
  /** The layer's number of each of the input's heads. */
  readonly heads: readonly number[];
  /**
   * The numbers of all heads, f32 [sequences, numHeads], from those of the input's [sequences, heads]. All ranks call it, in the
   * same order of their other common calls.
   */
  gather(values: Float32Array): Float32Array;
}

/** Decides, layer by layer at prefill, the mode of every key-value head of every sequence. */
export interface Router extends Disposable {
  readonly name: string;
  /** The modes its plans choose from; index 0 is the retrieval mode. */
  readonly modes: readonly AttentionMode[];
  /**
   * How many heads of each layer it will give to another than the retrieval mode, where that is known before it sees a
   * prompt: what memory is predicted from.
   */
  expectedSparseHeads?(numLayers: number, numKeyValueHeads: number): readonly number[];
  /**
   * The caller owns the plan. Must decide each sequence from its own rows only, and read the keys before it returns:
   * they are rotated in place afterwards. A router whose decision is computed on a device may return the plan before it is
   * there (`HeadPlan.onDevice`, `HeadPlan.pending`), so that the device gets other work in the meantime.
   */
  route(input: RouterInput): HeadPlan;
  /**
   * What makes the same router on another rank, which is then asked about that rank's heads ({@link RouterInput.share}). Missing
   * for a router that knows nothing of shares: it decides on one rank only.
   */
  describe?(): RouterDescription;
}

/** A router whose decision is a threshold on a score, so that the sparsity dial can move the threshold. */
export interface ScoringRouter extends Router {
  /** Whether all heads of a layer get one decision: then no dial can move single ones. Default false. */
  readonly decidesWholeLayers?: boolean;
  /** f32 [sequences, kvHeads] on the host: how much each head wants the retrieval mode; above 0 it gets it. */
  score(input: RouterInput): Float32Array;
  /** The same, asked for and not waited for; missing where scores are made on the host. */
  startScore?(input: RouterInput): PendingScores;
}

/** Scores that may still be computed. */
export interface PendingScores extends Disposable {
  /** As {@link ScoringRouter.score} gives them; waits until they are there. */
  read(): Float32Array;
}

/** The scores of any scoring router, without waiting for them where the router can. The caller disposes them. */
export function startScore(router: ScoringRouter, input: RouterInput): PendingScores {
  if (router.startScore !== undefined) return router.startScore(input);
  const scores = router.score(input);
  return { read: () => scores, [Symbol.dispose]: () => {} };
}
