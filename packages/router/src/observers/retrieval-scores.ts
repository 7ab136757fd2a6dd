import { ShapeError } from "@elastic-attention/core";
import { type HeadStore, type LayerCache, rowOf } from "@elastic-attention/attention";
import type { AttentionEvent, AttentionObserver } from "./attention-observer.js";

/**
 * Retrieval-head identification (paper appendix C, equation 9): the attention that each head's last queries give to the
 * needle's tokens, averaged over needle prompts. Query heads of a group are averaged into their key-value head.
 */
export class RetrievalScores implements AttentionObserver {
  readonly #sums: Float64Array[] = [];
  readonly #counts: number[] = [];

  /** Last queries of the prompt that are averaged; more than 1 when the prompt goes on with the answer. */
  queries = 1;

  /** Token positions [start, end) of the needle in the prompt that is prefilled next. */
  needle: readonly [start: number, end: number] = [0, 0];

  afterAttention({ layer, query, cache, scale }: AttentionEvent): void {
    const [numQueryHeads, headDim] = [query.shape[1]!, query.shape[2]!];
    const group = numQueryHeads / cache.numKeyValueHeads;
    if (!(this.needle[0] >= 0 && this.needle[0] <= this.needle[1] && this.needle[1] <= cache.length)) {
      throw new ShapeError(`The needle [${this.needle.join(", ")}) is outside a prompt of ${cache.length} tokens.`);
    }
    const count = Math.min(this.queries, query.numRows);
    const last = query.rows(query.numRows - count, query.numRows).toFloat32();
    const sums = (this.#sums[layer] ??= new Float64Array(cache.numKeyValueHeads));
    for (const [keyValueHead, store] of cache.heads.entries()) {
      // A ring holds its positions in another order even while it has not dropped any.
      if (store.type !== "all") {
        throw new ShapeError("Retrieval scores need every key: prefill with all heads full.");
      }
      const keys = headKeys(cache, store);
      for (let head = keyValueHead * group; head < (keyValueHead + 1) * group; head++) {
        for (let row = 0; row < count; row++) {
          const at = (row * numQueryHeads + head) * headDim;
          const seen = (cache.length - count + row + 1) * headDim;
          const weights = attentionWeights(last.subarray(at, at + headDim), keys.subarray(0, seen), scale);
          for (let token = this.needle[0]; token < this.needle[1]; token++) {
            sums[keyValueHead]! += (weights[token] ?? 0) / (group * count);
          }
        }
      }
    }
    this.#counts[layer] = (this.#counts[layer] ?? 0) + 1;
  }

  /** Mean score of each head, [layer][kvHead]. */
  scores(): number[][] {
    return this.#sums.map((row, layer) => Array.from(row, (sum) => sum / this.#counts[layer]!));
  }
}

/** A head's keys on the host, by position. */
function headKeys(cache: LayerCache, store: HeadStore): Float32Array {
  const keys = new Float32Array(cache.length * cache.headDim);
  const step = cache.pages?.pageTokens ?? cache.length;
  for (let start = 0; start < cache.length; start += step) {
    const row = rowOf(cache, store, start, cache.length);
    const count = Math.min(step, cache.length - start);
    keys.set(cache.keys.rows(row, row + count).toFloat32(), start * cache.headDim);
  }
  return keys;
}

/** Softmax of one query over all keys. */
function attentionWeights(query: Float32Array, keys: Float32Array, scale: number): Float64Array {
  const headDim = query.length;
  const weights = new Float64Array(keys.length / headDim);
  let maximum = -Infinity;
  for (let token = 0; token < weights.length; token++) {
    let dot = 0;
    for (let i = 0; i < headDim; i++) dot += query[i]! * keys[token * headDim + i]!;
    weights[token] = dot * scale;
    maximum = Math.max(maximum, weights[token]!);
  }
  let sum = 0;
  for (let token = 0; token < weights.length; token++) sum += weights[token] = Math.exp(weights[token]! - maximum);
  return weights.map((weight) => weight / sum);
}
