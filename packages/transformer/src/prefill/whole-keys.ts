import { copyHeldRows, heldRanges, type SequenceCache, unpackedCache } from "@elastic-attention/attention";
import { MemoryScope, ShapeError } from "@elastic-attention/core";
import { cast, type FloatDType, rotary, rotaryTables, type Tensor } from "@elastic-attention/tensor";
import { inverseFrequencies } from "../model/rope/frequencies.js";
import { attentionFactor, type RopeSpec } from "../model/rope/rope-spec.js";
import type { PrefillPass } from "./prefill-pass.js";

/**
 * The keys of a whole sequence before RoPE, where a cache holds its beginning: those of the cache turned back, then the new
 * ones. What a router needs that is asked about a sequence whose beginning was read without a plan.
 *
 * @param added [tokens, kvHeads, headDim] of the new tokens, before RoPE
 * @returns [all tokens, kvHeads, headDim]; the caller disposes it
 * @throws ShapeError for a cache that has dropped some of its tokens
 */
export function wholeKeys({ backend, spec }: Pick<PrefillPass, "backend" | "spec">, cache: SequenceCache, layer: number, added: Tensor): Tensor {
  const { kernels } = backend;
  const { length } = cache;
  const { numKeyValueHeads, headDim } = spec;
  const keys = backend.allocate([length + added.shape[0]!, numKeyValueHeads, headDim], added.dtype);
  try {
    // Before tokens come, a sequence that was resumed has no page tables.
    cache.makeRoom(0);
    using scope = new MemoryScope();
    const source = unpackedCache(backend, cache.layer(layer), keys.dtype as FloatDType, scope);
    if (heldRanges(source).some((ranges) => ranges.length > 1)) throw new ShapeError("A router cannot be asked about a sequence whose heads have dropped tokens.");
    const held = keys.rows(0, length).reshape([length, numKeyValueHeads * headDim]);
    for (let head = 0; head < numKeyValueHeads; head++) copyHeldRows(source, head, source.keys, held.columns(head * headDim, (head + 1) * headDim));
    turnBack(keys.rows(0, length), spec.layers[layer]!.rope);
    kernels.run(cast, { input: added, output: keys.rows(length, keys.shape[0]!) });
    return keys;
  } catch (error) {
    keys.dispose();
    throw error;
  }
}

/** Undoes the rotation of keys from position 0 on. */
function turnBack(keys: Tensor, rope: RopeSpec | undefined): void {
  if (rope === undefined) return;
  const { backend } = keys;
  const rows = keys.shape[0]!;
  // By the same angles the other way round.
  const frequencies = inverseFrequencies(rope).map((frequency) => -frequency);
  using scope = new MemoryScope();
  const tables = { cosine: scope.track(backend.allocate([rows, frequencies.length], "f32")), sine: scope.track(backend.allocate([rows, frequencies.length], "f32")) };
  const radians = scope.track(backend.upload(frequencies, [frequencies.length], "f32"));
  const positions = scope.track(backend.upload(Int32Array.from({ length: rows }, (_, row) => row), [rows], "i32"));
  backend.kernels.run(rotaryTables, { frequencies: radians, scale: 1 / attentionFactor(rope), ...tables });
  backend.kernels.run(rotary, { heads: keys, positions, ...tables, pairs: rope.pairs });
}
