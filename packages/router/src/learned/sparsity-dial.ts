import { MemoryScope, ShapeError, UnsupportedRouterError } from "@elastic-attention/core";
import { type AttentionMode, HeadPlan } from "@elastic-attention/attention";
import { type Router, type RouterInput, type ScoringRouter, startScore } from "../router.js";
import type { RouterDescription } from "../router-description.js";

export interface SparsityDialOptions {
  readonly router: ScoringRouter;
  /** Share of heads in the sparse mode over the whole model, 0 to 1. */
  readonly target: number;
  readonly numLayers: number;
  /** Layers that it is asked about, which the share is of. Default all. */
  readonly routedLayers?: readonly number[];
}

/**
 * Shifts a router's threshold, layer by layer, so that the request as a whole meets a target MSR, which the published
 * system cannot do. Each layer gets a quota (cumulative rounding, so the sum is exact to half a head) and gives the
 * sparse mode to its heads with the lowest scores: equal to moving that layer's threshold between two scores.
 */
export class SparsityDial implements Router {
  readonly name: string;
  readonly modes: readonly AttentionMode[];

  constructor(private readonly options: SparsityDialOptions) {
    const { target, router } = options;
    if (!(target >= 0 && target <= 1)) throw new ShapeError(`Target sparsity must be between 0 and 1, found ${target}.`);
    if (router.decidesWholeLayers === true) {
      throw new UnsupportedRouterError(
        "This model's routers decide about whole layers (Flux Attention); a target sparsity moves single heads.",
        "Leave the target sparsity out, or choose a router of heads.",
      );
    }
    this.name = `${router.name} at ${target}`;
    this.modes = router.modes;
  }

  route(input: RouterInput): HeadPlan {
    const { layer, keys, offsets, share } = input;
    const [sequences, heads] = [offsets.length - 1, keys.shape[1]!];
    const all = share?.numHeads ?? heads;
    const quota = this.expectedSparseHeads(this.options.numLayers, all)[layer] ?? 0;
    using scope = new MemoryScope();
    const source = scope.track(startScore(this.options.router, input));
    const decide = () => {
      const own = source.read();
      // The heads of other ranks compete for the same quota.
      const scores = share === undefined ? own : share.gather(own);
      return Array.from({ length: sequences }, (_, sequence) => {
        const row = lowestHeads(scores.subarray(sequence * all, (sequence + 1) * all), quota);
        return share === undefined ? row : share.heads.map((head) => row[head]!);
      });
    };
    const plan = HeadPlan.pending({ modes: this.modes, shape: [sequences, heads], decide, source });
    scope.move();
    return plan;
  }

  expectedSparseHeads(_numLayers: number, numKeyValueHeads: number): readonly number[] {
    const { target, numLayers, routedLayers } = this.options;
    if (routedLayers === undefined) return layerQuotas(this.options, numKeyValueHeads);
    const quotas = layerQuotas({ target, numLayers: routedLayers.length }, numKeyValueHeads);
    return Array.from({ length: numLayers }, (_, layer) => quotas[routedLayers.indexOf(layer)] ?? 0);
  }

  describe(): RouterDescription {
    const { router, ...options } = this.options;
    const inner = router.describe?.();
    if (inner === undefined) throw new UnsupportedRouterError(`Router "${router.name}" cannot be asked on several ranks.`, "Use one card with it.");
    return { kind: "dial", router: inner, ...options };
  }

  /** The wrapped router stays its owner's. */
  [Symbol.dispose](): void {}
}

/** Sparse heads of each layer, as even as whole heads allow, summing to round(target · layers · heads). */
export function layerQuotas({ target, numLayers }: Pick<SparsityDialOptions, "target" | "numLayers">, heads: number): number[] {
  const share = Math.round(target * numLayers * heads) / numLayers;
  let exact = 0;
  let given = 0;
  return Array.from({ length: numLayers }, () => {
    exact += share;
    const quota = Math.min(heads, Math.round(exact + 1e-9) - given);
    given += quota;
    return quota;
  });
}

/** 1 for the `quota` heads with the lowest scores; equal scores by head. */
function lowestHeads(scores: Float32Array, quota: number): Uint8Array {
  const order = Array.from(scores.keys()).sort((a, b) => scores[a]! - scores[b]! || a - b);
  const row = new Uint8Array(scores.length);
  for (const head of order.slice(0, quota)) row[head] = 1;
  return row;
}
