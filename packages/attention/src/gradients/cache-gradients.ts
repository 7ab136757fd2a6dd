import { ShapeError } from "@elastic-attention/core";
import { expectShape, type Tensor } from "@elastic-attention/tensor";
import type { AttentionSequence } from "../operations/hybrid-attention.js";

/** Gradients of one sequence's keys and values, shaped and laid out as its `cache.keys` and `cache.values`. */
export interface CacheGradients {
  readonly keys: Tensor;
  readonly values: Tensor;
}

/**
 * Checks the gradients of keys and values against the caches.
 * @throws ShapeError; also for a ring, which has dropped keys that the forward pass read, and for pages of a pool.
 */
export function expectCacheGradients(sequences: readonly AttentionSequence[], gradients: readonly CacheGradients[]): void {
  if (gradients.length !== sequences.length) {
    throw new ShapeError(`attentionBackward: ${gradients.length} cache gradients for ${sequences.length} sequences.`);
  }
  for (const [index, { cache }] of sequences.entries()) {
    expectShape("attentionBackward", "gradient of the keys", gradients[index]!.keys, cache.keys.shape);
    expectShape("attentionBackward", "gradient of the values", gradients[index]!.values, cache.values.shape);
    if (cache.pages !== undefined) {
      throw new ShapeError(
        "attentionBackward: the cache is in pages of a pool.",
        "Gradients are laid out like the keys and values of one sequence: train on caches of their own.",
      );
    }
    if (cache.heads.some((store) => store.type !== "all")) {
      throw new ShapeError(
        "attentionBackward: a head keeps a ring of its tokens.",
        "Call it before the cache is settled, or with heads that keep all tokens.",
      );
    }
  }
}
