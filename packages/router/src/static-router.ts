import { type AttentionMode, HeadPlan } from "@elastic-attention/attention";
import { HeadListError } from "./errors.js";
import type { HeadList } from "./head-list.js";
import type { RouterInput, ScoringRouter } from "./router.js";

export interface StaticRouterOptions {
  readonly list: HeadList;
  readonly retrievalMode: AttentionMode;
  readonly sparseMode: AttentionMode;
  /** Share of sparse heads over the model; default: the list's own. */
  readonly sparsity?: number;
}

/**
 * The same heads for every input: the best k = floor((1 - MSR) · layers · heads) by score keep the retrieval mode
 * (paper appendix C). Meets any sparsity to within half a head.
 */
export class StaticRouter implements ScoringRouter {
  readonly name = "static";
  readonly modes: readonly [AttentionMode, AttentionMode];
  /** [layer][kvHead]: 0 retrieval, 1 sparse. */
  readonly assignment: readonly Uint8Array[];

  constructor(private readonly options: StaticRouterOptions) {
    const { list, retrievalMode, sparseMode, sparsity = list.sparsity } = options;
    this.modes = [retrievalMode, sparseMode];
    this.assignment = bestHeads(list.scores, sparsity);
  }

  route({ backend, layer, keys, offsets }: RouterInput): HeadPlan {
    const row = this.#row(layer, keys.shape[1]!);
    return HeadPlan.fromHost(backend, this.modes, Array.from({ length: offsets.length - 1 }, () => row));
  }

  score({ layer, keys, offsets }: RouterInput): Float32Array {
    const row = this.#row(layer, keys.shape[1]!);
    const scores = this.options.list.scores[layer]!;
    const one = Float32Array.from(row, (mode, head) => (mode === 0 ? 1 + scores[head]! : -1 / (1 + scores[head]!)));
    const all = new Float32Array(one.length * (offsets.length - 1));
    for (let start = 0; start < all.length; start += one.length) all.set(one, start);
    return all;
  }

  [Symbol.dispose](): void {}

  #row(layer: number, heads: number): Uint8Array {
    const row = this.assignment[layer];
    if (row === undefined || row.length !== heads) {
      throw new HeadListError(
        `The head list has ${this.assignment.length} layers of ${this.assignment[0]!.length} heads; layer ${layer} of the model has ${heads}.`,
      );
    }
    return row;
  }
}

/** 0 for the k best heads over all layers, 1 for the rest; equal scores by layer, then head. */
export function bestHeads(scores: readonly (readonly number[])[], sparsity: number): Uint8Array[] {
  const heads = scores.flatMap((row, layer) => row.map((score, head) => ({ layer, head, score })));
  const kept = Math.floor((1 - sparsity) * heads.length + 1e-9);
  heads.sort((a, b) => b.score - a.score || a.layer - b.layer || a.head - b.head);
  const assignment = scores.map((row) => new Uint8Array(row.length).fill(1));
  for (const { layer, head } of heads.slice(0, kept)) assignment[layer]![head] = 0;
  return assignment;
}
