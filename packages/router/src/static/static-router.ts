import { HeadListError, ShapeError } from "@elastic-attention/core";
import { type AttentionMode, HeadPlan } from "@elastic-attention/attention";
import type { HeadList } from "./head-list.js";
import type { RouterInput, ScoringRouter } from "../router.js";
import type { RouterDescription } from "../router-description.js";

export interface StaticRouterOptions {
  readonly list: HeadList;
  readonly retrievalMode: AttentionMode;
  readonly sparseMode: AttentionMode;
  /** Share of sparse heads over the model; default: the list's own. */
  readonly sparsity?: number;
  /** Layers that it is asked about, which the share is of. Default all. */
  readonly routedLayers?: readonly number[];
}

/**
 * The same heads for every input: the best k = floor((1 - MSR) · layers · heads) by score keep the retrieval mode
 * (paper appendix C), over the layers that it is asked about. Meets any sparsity to within one head.
 */
export class StaticRouter implements ScoringRouter {
  readonly name = "static";
  readonly modes: readonly [AttentionMode, AttentionMode];
  /** [layer][kvHead]: 0 retrieval, 1 sparse. */
  readonly assignment: readonly Uint8Array[];
  /** [layer][kvHead]: by rank over the model, so that scores of any size keep their order and the threshold is at 0. */
  readonly #scores: readonly Float32Array[];

  /** @throws ShapeError for a sparsity outside 0 to 1. */
  constructor(private readonly options: StaticRouterOptions) {
    const { list, retrievalMode, sparseMode, sparsity = list.sparsity, routedLayers } = options;
    this.modes = [retrievalMode, sparseMode];
    this.assignment = bestHeads(list.scores, sparsity, routedLayers);
    const order = bestFirst(list.scores, routedLayers);
    const kept = keptHeads(order.length, sparsity);
    const scores = list.scores.map((row) => new Float32Array(row.length));
    for (const [rank, { layer, head }] of order.entries()) scores[layer]![head] = kept - rank - 0.5;
    this.#scores = scores;
  }

  route(input: RouterInput): HeadPlan {
    const { offsets } = input;
    const row = ownOf(this.#row(this.assignment, input), input);
    return HeadPlan.fromHost(this.modes, Array.from({ length: offsets.length - 1 }, () => row));
  }

  score(input: RouterInput): Float32Array {
    const { offsets } = input;
    const one = ownOf(this.#row(this.#scores, input), input);
    const all = new Float32Array(one.length * (offsets.length - 1));
    for (let start = 0; start < all.length; start += one.length) all.set(one, start);
    return all;
  }

  expectedSparseHeads(): readonly number[] {
    return this.assignment.map((row) => row.reduce((sum, mode) => sum + mode, 0));
  }

  describe(): RouterDescription {
    return { kind: "static", ...this.options };
  }

  [Symbol.dispose](): void {}

  /** What a list has for a layer. */
  #row<Row extends Uint8Array | Float32Array>(rows: readonly Row[], { layer, keys, share }: RouterInput): Row {
    const row = rows[layer];
    const heads = share?.numHeads ?? keys.shape[1]!;
    if (row === undefined || row.length !== heads) {
      throw new HeadListError(
        `The head list has ${this.assignment.length} layers of ${this.assignment[0]!.length} heads; layer ${layer} of the model has ${heads}.`,
      );
    }
    return row;
  }
}

/** Of the numbers of a layer's heads those of the input's. */
function ownOf(row: Uint8Array | Float32Array, { share }: RouterInput): Uint8Array | Float32Array {
  return share === undefined ? row : Float32Array.from(share.heads, (head) => row[head]!);
}

/**
 * 0 for the k best heads over all layers, 1 for the rest; equal scores by layer, then head. Layers that are not among
 * `routedLayers` (default all) stand aside, with 0. @throws ShapeError
 */
export function bestHeads(scores: readonly (readonly number[])[], sparsity: number, routedLayers?: readonly number[]): Uint8Array[] {
  const order = bestFirst(scores, routedLayers);
  const assignment = scores.map((row) => new Uint8Array(row.length));
  for (const { layer, head } of order.slice(keptHeads(order.length, sparsity))) assignment[layer]![head] = 1;
  return assignment;
}

function bestFirst(scores: readonly (readonly number[])[], routedLayers?: readonly number[]): { layer: number; head: number; score: number }[] {
  const heads = scores.flatMap((row, layer) => (routedLayers?.includes(layer) === false ? [] : row.map((score, head) => ({ layer, head, score }))));
  return heads.sort((a, b) => b.score - a.score || a.layer - b.layer || a.head - b.head);
}

function keptHeads(heads: number, sparsity: number): number {
  if (!(sparsity >= 0 && sparsity <= 1)) throw new ShapeError(`Sparsity must be between 0 and 1, found ${sparsity}.`);
  return Math.floor((1 - sparsity) * heads + 1e-9);
}
