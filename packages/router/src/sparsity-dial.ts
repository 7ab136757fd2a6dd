import { MemoryScope, ShapeError } from "@elastic-attention/core";
import { type AttentionMode, HeadPlan } from "@elastic-attention/attention";
import { type Router, type RouterInput, type ScoringRouter, startScore } from "./router.js";

export interface SparsityDialOptions {
  readonly router: ScoringRouter;
  /** Share of heads in the sparse mode over the whole model, 0 to 1. */
  readonly target: number;
  readonly numLayers: number;
  /**
   * Relative sparsity of the layers, for example their natural MSR from earlier requests; default: all alike. Layers
   * that reach all their heads pass the rest on.
   */
  readonly profile?: readonly number[];
}

/**
 * Shifts a router's threshold, layer by layer, so that the request as a whole meets a target MSR, which the published
 * system cannot do. Each layer gets a quota (cumulative rounding, so the sum is exact to half a head) and gives the
 * sparse mode to its heads with the lowest scores: equal to moving that layer's threshold between two scores.
 *
 * One prefill suffices. The threshold that is best over all layers at once needs every layer's scores first, and
 * therefore a prefill of its own: {@link globalThreshold}.
 */
export class SparsityDial implements Router {
  readonly name: string;
  readonly modes: readonly AttentionMode[];

  constructor(private readonly options: SparsityDialOptions) {
    const { target, router, numLayers, profile } = options;
    if (!(target >= 0 && target <= 1)) throw new ShapeError(`Target sparsity must be between 0 and 1, found ${target}.`);
    if (profile !== undefined && !(profile.length === numLayers && profile.every((share) => share >= 0 && share < Infinity))) {
      throw new ShapeError(`A profile is one number from 0 up for each of the ${numLayers} layers, found [${profile.join(", ")}].`);
    }
    this.name = `${router.name} at ${target}`;
    this.modes = router.modes;
  }

  route(input: RouterInput): HeadPlan {
    const { backend, layer, keys, offsets } = input;
    const [sequences, heads] = [offsets.length - 1, keys.shape[1]!];
    const quota = layerQuotas(this.options, heads)[layer] ?? 0;
    using scope = new MemoryScope();
    const source = scope.track(startScore(this.options.router, input));
    const decide = () => {
      const scores = source.read();
      return Array.from({ length: sequences }, (_, sequence) => lowestHeads(scores.subarray(sequence * heads, (sequence + 1) * heads), quota));
    };
    const plan = HeadPlan.deferred({ backend, modes: this.modes, shape: [sequences, heads], decide, source });
    scope.move();
    return plan;
  }

  expectedSparseHeads(_numLayers: number, numKeyValueHeads: number): readonly number[] {
    return layerQuotas(this.options, numKeyValueHeads);
  }

  /** The wrapped router stays its owner's. */
  [Symbol.dispose](): void {}
}

/** Sparse heads of each layer: proportional to the profile, at most `heads`, summing to round(target · layers · heads). */
export function layerQuotas(
  { target, numLayers, profile }: Pick<SparsityDialOptions, "target" | "numLayers" | "profile">,
  heads: number,
): number[] {
  const total = Math.round(target * numLayers * heads);
  const shares = fillShares(profile ?? Array.from({ length: numLayers }, () => 1), total, heads);
  let exact = 0;
  let given = 0;
  return shares.map((share) => {
    exact += share;
    const quota = Math.min(heads, Math.round(exact + 1e-9) - given);
    given += quota;
    return quota;
  });
}

/** Splits `total` by weight with an upper limit for each part (water filling). */
function fillShares(weights: readonly number[], total: number, limit: number): number[] {
  const shares = weights.map(() => 0);
  let open = weights.map((_, index) => index);
  let rest = total;
  while (open.length > 0 && rest > 1e-9) {
    const sum = open.reduce((a, index) => a + weights[index]!, 0);
    const part = (index: number) => (sum > 0 ? (rest * weights[index]!) / sum : rest / open.length);
    const full = open.filter((index) => part(index) >= limit);
    if (full.length === 0) {
      for (const index of open) shares[index] = part(index);
      break;
    }
    for (const index of full) shares[index] = limit;
    rest -= full.length * limit;
    open = open.filter((index) => !full.includes(index));
  }
  return shares;
}

/** 1 for the `quota` heads with the lowest scores; equal scores by head. */
function lowestHeads(scores: Float32Array, quota: number): Uint8Array {
  const order = Array.from(scores.keys()).sort((a, b) => scores[a]! - scores[b]! || a - b);
  const row = new Uint8Array(scores.length);
  for (const head of order.slice(0, quota)) row[head] = 1;
  return row;
}

/**
 * The one threshold over all layers' scores that gives a target MSR: heads with a score at or below it are sparse.
 * For a second prefill, when two are affordable.
 */
export function globalThreshold(scores: readonly (ArrayLike<number>)[], target: number): number {
  const sorted = scores.flatMap((row) => Array.from(row)).sort((a, b) => a - b);
  const sparse = Math.round(target * sorted.length);
  return sparse === 0 ? -Infinity : sorted[sparse - 1]!;
}
