import { heldRuns, type LayerCache, RowSpans, slotOf, unpackCache } from "@elastic-attention/attention";
import { expectShape, type Tensor } from "@elastic-attention/tensor";
import { CallArguments } from "../../call-arguments.js";
import type { NativeBackend } from "../../native-backend.js";
import { computeFloats, readableRows } from "../requirements.js";

export interface HeldFloatsCopy {
  readonly cache: LayerCache;
  readonly side: "keys" | "values";
  /** Floats [rows, headDim]. */
  readonly target: Tensor;
  /** Where the row of a position of a head goes; those that follow one another in a cache follow one another there. */
  readonly rowOf: (head: number, position: number) => number;
  readonly heads: readonly number[];
}

/** Copies what heads hold; rows of a rounded cache become floats, where `copyHeldRows` copies their bytes. */
export function copyHeldFloats(backend: NativeBackend, { cache, side, target, rowOf, heads }: HeldFloatsCopy): void {
  const spans = new RowSpans();
  for (const head of heads) {
    for (const { position, row, count } of heldRuns(cache, head)) spans.add(row, rowOf(head, position), count);
  }
  for (const some of spans.calls()) {
    const call = new CallArguments().cacheRows(cache[side], cache).tensor(target);
    backend.call("copySpans", backend.addon.copySpans, call.number(some.length / 3, ...some));
  }
}

/** Unpacks caches in the types that the backend's kernels read. */
export function registerUnpackCache(backend: NativeBackend): void {
  const { kernels, traits } = backend;
  if (traits.cacheTypes === undefined) return;
  const [readable, floats] = [readableRows(traits), computeFloats(traits.computeDTypes)];
  kernels.register(unpackCache, {
    name: "rows",
    supports: ({ cache, keys, values }) => [...(cache.cacheType === undefined ? ["the cache holds floats"] : readable(cache)), ...floats({ keys, values })],
    run({ cache, keys, values, heads }) {
      expectShape("unpackCache", "keys", keys, [-1, cache.headDim]);
      expectShape("unpackCache", "values", values, keys.shape);
      for (const [side, target] of [["keys", keys], ["values", values]] as const) {
        copyHeldFloats(backend, { cache, side, target, heads: heads.map((_, head) => head), rowOf: (head, position) => slotOf(heads[head]!, position, cache.length) });
      }
    },
  });
}
