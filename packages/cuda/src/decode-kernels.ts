import { decodeAttention, type DecodeBatch, decodePlanBytes, type DecodeRotation, pageSizes, planDecode, prepareDecode } from "@elastic-attention/attention";
import { CallArguments, pushAttentionScores } from "@elastic-attention/addon";
import { expectShape, turnedHalf } from "@elastic-attention/tensor";
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
      backend.call("planDecode", addon.planDecode, batchArguments(batch));
    },
  });

  kernels.register(prepareDecode, {
    name: "heads",
    supports: ({ queryKeyValue, batch }) =>
      queryKeyValue.dtype === batch.options.pool.options.dtype ? [] : ["the projection and the cache differ in dtype"],
    run({ batch, layer, queryKeyValue, numQueryHeads, headDim, queryNorm, keyNorm, epsilon, rotation }) {
      const { slots, numKeyValueHeads } = batch.options;
      expectShape("prepareDecode", "queryKeyValue", queryKeyValue, [slots, (numQueryHeads + 2 * numKeyValueHeads) * headDim]);
      const call = batchArguments(batch).number(layer).tensor(queryKeyValue);
      for (const norm of [queryNorm, keyNorm]) {
        if (norm === undefined) call.missing();
        else call.vector(norm);
      }
      call.number(epsilon).number(numQueryHeads, headDim);
      if (rotation === undefined) call.flag(false);
      else pushRotation(call, rotation, headDim);
      backend.call("prepareDecode", addon.prepareDecode, call);
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
    run({ batch, layer, query, output, ...scores }) {
      const [numQueryHeads, headDim] = [query.shape[1]!, query.shape[2]!];
      expectShape("decodeAttention", "query", query, [batch.options.slots, numQueryHeads, headDim]);
      expectShape("decodeAttention", "output", output, query.shape);
      const call = batchArguments(batch).number(layer).tensor(query)
        .tensor(output)
        .number(numQueryHeads, headDim);
      pushAttentionScores("decodeAttention", call, scores, numQueryHeads);
      pushStepPages(call, batch);
      backend.call("decodeAttention", addon.decodeAttention, call);
    },
  });
}

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

/** Whether there is a rotation, its pairs and rows, then the tables of queries and keys. */
function pushRotation(call: CallArguments, { pairs, rowOf, query, key }: DecodeRotation, headDim: number): void {
  turnedHalf(headDim, key.cosine);
  for (const [name, table] of Object.entries({ "the keys' sine": key.sine, "the queries' cosine": query.cosine, "the queries' sine": query.sine })) {
    expectShape("prepareDecode", name, table, key.cosine.shape);
  }
  call.flag(true).flag(pairs === "neighbours").flag(rowOf === "slot");
  for (const { cosine, sine } of [query, key]) call.tensor(cosine).tensor(sine);
}

/** The tables of a batch, in the order in which the addon reads them. */
function batchArguments({ lengths, heads, plan, options }: DecodeBatch): CallArguments {
  const { pool, numLayers, numKeyValueHeads } = options;
  const call = new CallArguments().vector(lengths).tensor(heads).tensor(pool.keys).tensor(pool.values);
  return call.pages(pool).tensor(plan).number(numLayers, numKeyValueHeads);
}
