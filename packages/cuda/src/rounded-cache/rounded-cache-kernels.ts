import { CallArguments, type NativeBackend, type NativeKernel, requireFloats } from "@elastic-attention/addon";
import { attentionMass, blockSearch, cacheAppend, hybridAttention, type LayerCache, unpackCache, unpackedCache, xattentionEstimate } from "@elastic-attention/attention";
import { MemoryScope } from "@elastic-attention/core";
import { expectShape, type FloatDType, type Operation, type Tensor } from "@elastic-attention/tensor";

/** What the addon exports for caches in fp8. */
export interface RoundedCacheAddon {
  cacheAppendRounded: NativeKernel;
  unpackCache: NativeKernel;
}

/**
 * Caches whose rows are in fp8: new tokens are rounded when they come, and prompts attend to one layer at a time as floats.
 * Captured decode steps read the rounded rows themselves.
 */
export function registerRoundedCacheKernels(backend: NativeBackend, addon: RoundedCacheAddon): void {
  const { kernels } = backend;

  kernels.register(cacheAppend, {
    name: "rounded rows",
    supports: ({ keys, values, cache }) => (cache.cacheType === undefined ? notRounded : [...roundedProblems(cache), ...requireFloats({ keys, values })]),
    run({ keys, values, cache }) {
      const { numKeyValueHeads, headDim, length, heads } = cache;
      expectShape("cacheAppend", "keys", keys, [-1, numKeyValueHeads, headDim]);
      expectShape("cacheAppend", "values", values, keys.shape);
      const call = cacheArguments(new CallArguments().tensor(keys).tensor(values).number(numKeyValueHeads), cache).number(length);
      for (const store of heads) call.store(store);
      backend.call("cacheAppend", addon.cacheAppendRounded, call);
    },
  });

  kernels.register(unpackCache, {
    name: "rounded rows",
    supports: ({ cache, keys, values }) => [...roundedProblems(cache), ...requireFloats({ keys, values })],
    run({ cache, keys, values, heads }) {
      expectShape("unpackCache", "keys", keys, [-1, cache.headDim]);
      expectShape("unpackCache", "values", values, keys.shape);
      const call = cacheArguments(new CallArguments().tensor(keys).tensor(values), cache).number(cache.length, cache.numKeyValueHeads);
      for (const [head, store] of cache.heads.entries()) call.store(store).number(heads[head]!.firstSlot);
      backend.call("unpackCache", addon.unpackCache, call);
    },
  });

  kernels.register(hybridAttention, {
    name: "unpacked",
    supports: ({ sequences }) => (sequences.some(({ cache }) => cache.cacheType !== undefined) ? noProblems : notRounded),
    run(call) {
      using scope = new MemoryScope();
      const dtype = call.query.dtype as FloatDType;
      const sequences = call.sequences.map((sequence) => ({ ...sequence, cache: unpackedCache(backend, sequence.cache, dtype, scope) }));
      kernels.run(hybridAttention, { ...call, sequences });
    },
  });

  // What looks at keys before it attends.
  registerUnpacked(backend, xattentionEstimate);
  registerUnpacked(backend, blockSearch);
  registerUnpacked(backend, attentionMass);
}

interface KeysCall {
  readonly cache: LayerCache;
  readonly query: Tensor;
}

/** A kernel that reads the keys of one layer as floats, by the kernel for these. */
function registerUnpacked<Call extends KeysCall, Result>(backend: NativeBackend, operation: Operation<Call, Result>): void {
  const { kernels } = backend;
  kernels.register(operation, {
    name: "unpacked",
    supports: ({ cache }) => (cache.cacheType === undefined ? notRounded : roundedProblems(cache)),
    run(call) {
      using scope = new MemoryScope();
      return kernels.run(operation, { ...call, cache: unpackedCache(backend, call.cache, call.query.dtype as FloatDType, scope) });
    },
  });
}

// Asked before every call: where no cache is rounded nothing is allocated.
const noProblems: readonly string[] = [];
const notRounded: readonly string[] = ["no cache is rounded"];

function roundedProblems({ cacheType, headDim }: LayerCache): readonly string[] {
  return [
    ...(cacheType === "fp8" ? [] : [`the cache is kept in ${cacheType ?? "floats"}, the kernel takes fp8`]),
    ...(headDim % 4 === 0 && headDim <= 256 ? [] : [`head dimension ${headDim}: the kernel takes multiples of 4 up to 256`]),
  ];
}

function cacheArguments(call: CallArguments, { keys, values, pages }: LayerCache): CallArguments {
  return call.tensor(keys).tensor(values).pages(pages);
}
