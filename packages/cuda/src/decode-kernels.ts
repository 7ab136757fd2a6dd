import { decodeAttention, type DecodeBatch, decodePlanBytes, pageSizes, planDecode, prepareDecode } from "@elastic-attention/attention";
import { type CallArguments, decodeAttentionArguments, decodeBatchArguments, type DecodePool, prepareDecodeArguments } from "@elastic-attention/addon";
import type { CudaBackend } from "./cuda-backend.js";

/** A captured decode step: its plan, its heads, its attention. */
export function registerDecodeKernels(backend: CudaBackend, capability: number): void {
  const { addon, kernels } = backend;
  const hopper = capability === 90 ? [] : [`the kernel is for compute capability 9.0, this device has ${capability / 10}`];

  kernels.register(decodePlanBytes, {
    name: "plan",
    supports: () => [],
    run: ({ slots, numLayers, numKeyValueHeads }) => addon.decodePlanBytes(Float64Array.of(slots, numLayers, numKeyValueHeads)),
  });

  kernels.register(planDecode, {
    name: "plan",
    supports: () => [],
    run({ batch }) {
      backend.call("planDecode", addon.planDecode, decodeBatchArguments(batch, pool));
    },
  });

  kernels.register(prepareDecode, {
    name: "heads",
    supports: ({ queryKeyValue, batch }) =>
      queryKeyValue.dtype === batch.options.pool.options.dtype ? [] : ["the projection and the cache differ in dtype"],
    run(call) {
      backend.call("prepareDecode", addon.prepareDecode, prepareDecodeArguments(call, pool));
    },
  });

  kernels.register(decodeAttention, {
    name: "shares",
    supports({ query, output, batch }) {
      const [numQueryHeads, headDim] = [query.shape[1] ?? 0, query.shape[2] ?? 0];
      const group = numQueryHeads / batch.options.numKeyValueHeads;
      const { dtype, cacheType } = batch.options.pool.options;
      const same = query.dtype === dtype && output.dtype === dtype && (dtype === "bf16" || dtype === "f16");
      return [
        ...hopper,
        ...(same ? [] : ["query, output and cache must all be bf16, or all f16"]),
        ...(cacheType === undefined || dtype === "bf16" ? [] : [`a cache in ${cacheType} is read with queries in bf16, not ${dtype}`]),
        ...([64, 96, 128].includes(headDim) ? [] : [`head dimension ${headDim}: the kernel has 64, 96 and 128`]),
        ...(group <= 16 ? [] : [`${group} query heads share a key-value head, the kernel takes 16`]),
      ];
    },
    run(call) {
      const packed = decodeAttentionArguments(call, pool);
      pushStepPages(packed, call.batch);
      backend.call("decodeAttention", addon.decodeAttention, packed);
    },
  });
}

/** A rounded cache is bytes here. */
const pool: DecodePool = { rows: (tensor) => tensor, readsRounded: false };

/** Where the heads of a step choose pages: bounds by page size, memory for the choice. */
function pushStepPages(call: CallArguments, { pages, options }: DecodeBatch): void {
  const { boundedPageSizes } = options.pool;
  for (const size of pageSizes) {
    if (pages === undefined || !boundedPageSizes.includes(size)) call.missing();
    else call.tensor(options.pool.bounds(size).rows);
  }
  if (pages === undefined) call.missing().missing();
  else call.tensor(pages.scores).tensor(pages.chosen);
}
