import { heldRuns, type LayerCache, slotOf, unpackCache } from "@elastic-attention/attention";
import { expectShape, type Tensor } from "@elastic-attention/tensor";
import { CallArguments } from "../../call-arguments.js";
import type { NativeBackend } from "../../native-backend.js";
import { computeFloats, readableRows } from "../requirements.js";

/** Spans of one copy: each is an argument of the call. */
const spansAtOnce = 4096;

export interface HeldRowsCopy {
  readonly cache: LayerCache;
  readonly side: "keys" | "values";
  /** Floats [rows, headDim]. */
  readonly target: Tensor;
  /** Where the row of a position of a head goes; those that follow one another in a cache follow one another there. */
  readonly rowOf: (head: number, position: number) => number;
  readonly heads: readonly number[];
}

/** Copies what heads hold; rows of a rounded cache become floats. */
export function copyHeldRows(backend: NativeBackend, { cache, side, target, rowOf, heads }: HeldRowsCopy): void {
  const spans: number[] = [];
  for (const head of heads) {
    for (const { position, row, count } of heldRuns(cache, head)) {
      const to = rowOf(head, position);
      const last = spans.length - 3;
      const follows = last >= 0 && spans[last]! + spans[last + 2]! === row && spans[last + 1]! + spans[last + 2]! === to;
      if (follows) spans[last + 2]! += count;
      else spans.push(row, to, count);
    }
  }
  for (let at = 0; at < spans.length; at += 3 * spansAtOnce) {
    const some = spans.slice(at, at + 3 * spansAtOnce);
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
        copyHeldRows(backend, { cache, side, target, heads: heads.map((_, head) => head), rowOf: (head, position) => slotOf(heads[head]!, position, cache.length) });
      }
    },
  });
}
