import { ShapeError } from "@elastic-attention/core";
import {
  cacheAppend,
  createBlockMask,
  expectAttentionScores,
  hybridAttention,
  type LayerCache,
  xattentionEstimate,
} from "@elastic-attention/attention";
import { copySpans, type DType, expectShape, type Tensor } from "@elastic-attention/tensor";
import { CallArguments } from "../call-arguments.js";
import type { NativeBackend } from "../native-backend.js";
import { pushAttention } from "./packing/pack-attention.js";
import { copyHeldFloats } from "./packing/copy-held-floats.js";
import { computeFloats, readableRows } from "./requirements.js";

/** The hybrid attention call and what surrounds it: cache rows and XAttention's choice of blocks. */
export function registerAttentionKernels(backend: NativeBackend): void {
  const { addon, kernels } = backend;
  const requireComputeFloats = computeFloats(backend.traits.computeDTypes);
  const requireReadableRows = readableRows(backend.traits);

  kernels.register(hybridAttention, {
    name: "tiles",
    supports: ({ query, output, sequences }) => [
      ...requireComputeFloats({ query, output }),
      ...sequences.flatMap(({ cache }) => requireReadableRows(cache)),
    ],
    run(call) {
      backend.call("hybridAttention", addon.hybridAttention, pushAttention("hybridAttention", new CallArguments(), call, true));
    },
  });

  kernels.register(cacheAppend, {
    name: "rows",
    supports: ({ keys, values, cache }) => [...requireComputeFloats({ keys, values }), ...requireReadableRows(cache)],
    run({ keys, values, cache }) {
      const { numKeyValueHeads, headDim, length, heads } = cache;
      expectShape("cacheAppend", "keys", keys, [-1, numKeyValueHeads, headDim]);
      expectShape("cacheAppend", "values", values, keys.shape);
      const call = new CallArguments().tensor(keys).tensor(values).cacheRows(cache.keys, cache).cacheRows(cache.values, cache);
      call.pages(cache.pages).number(length, numKeyValueHeads);
      for (const store of heads) call.store(store);
      backend.call("cacheAppend", addon.cacheAppend, call);
    },
  });

  kernels.register(copySpans, {
    name: "rows",
    supports: () => [],
    run({ source, destination, spans }) {
      if (spans.length % 3 !== 0) throw new ShapeError(`copySpans: ${spans.length} numbers are not whole triples.`);
      const call = new CallArguments().tensor(source).tensor(destination).number(spans.length / 3, ...spans);
      backend.call("copySpans", addon.copySpans, call);
    },
  });

  kernels.register(xattentionEstimate, {
    name: "antidiagonals",
    supports: ({ query, cache }) => [...requireComputeFloats({ query }), ...requireReadableRows(cache)],
    run({ query, cache, keyValueHeads, mode, scale = cache.headDim ** -0.5, softCap, roundToBFloat16 = false }) {
      const [tokens, numQueryHeads] = [query.shape[0]!, query.shape[1] ?? -1];
      expectShape("xattentionEstimate", "query", query, [tokens, numQueryHeads, cache.headDim]);
      expectAttentionScores("xattentionEstimate", { scale, softCap }, numQueryHeads);
      if (tokens !== cache.length) throw new ShapeError("xattentionEstimate: it needs the queries of every key.");
      const blocks = Math.ceil(tokens / mode.blockSize);
      const visited = backend.allocate([numQueryHeads * blocks, blocks], "u8");
      try {
        using gathered = cache.pages === undefined && cache.cacheType === undefined ? undefined : gatherHeads(backend, cache, keyValueHeads, query.dtype);
        const call = new CallArguments().tensor(query).tensor(gathered ?? cache.keys).tensor(visited);
        call.number(numQueryHeads, cache.headDim, tokens, mode.stride, mode.blockSize, mode.threshold, scale, softCap ?? 0);
        call.flag(roundToBFloat16).number(numQueryHeads / cache.numKeyValueHeads, keyValueHeads.length);
        for (const [index, head] of keyValueHeads.entries()) {
          const store = cache.heads[head]!;
          call.number(head).store(gathered === undefined ? store : { ...store, firstSlot: index * tokens, numSlots: tokens });
        }
        backend.call("xattentionEstimate", addon.xattentionEstimate, call);
        return createBlockMask(visited, mode.blockSize, numQueryHeads);
      } catch (error) {
        visited.dispose();
        throw error;
      }
    },
  });
}

/** Keys of these heads, one after another by position, as floats: those of a rounded cache in `dtype`. */
function gatherHeads(backend: NativeBackend, cache: LayerCache, keyValueHeads: readonly number[], dtype: DType): Tensor {
  const { length, headDim, cacheType } = cache;
  const gathered = backend.allocate([keyValueHeads.length * length, headDim], cacheType === undefined ? cache.keys.dtype : dtype);
  try {
    const firstRows = new Map(keyValueHeads.map((head, index) => [head, index * length]));
    copyHeldFloats(backend, { cache, side: "keys", target: gathered, heads: keyValueHeads, rowOf: (head, position) => firstRows.get(head)! + position });
    return gathered;
  } catch (error) {
    gathered.dispose();
    throw error;
  }
}
