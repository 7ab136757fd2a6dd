import { CallArguments, type NativeBackend, type NativeKernel, pushAttentionScores } from "@elastic-attention/addon";
import { decodeAttention, type DecodeBatch, decodePlanBytes, planDecode, prepareDecode } from "@elastic-attention/attention";
import { expectShape } from "@elastic-attention/tensor";

/** What the addon exports for decode steps that are recorded. */
export interface DecodeAddon {
  prepareDecode: NativeKernel;
  decodeAttention: NativeKernel;
}

/** Heads and attention of a decode step whose calls are recorded: they read from the tables of a batch what changes. */
export function registerDecodeKernels(backend: NativeBackend, addon: DecodeAddon): void {
  const { kernels } = backend;
  // The keys of a step are shared out when its attention runs.
  kernels.register(decodePlanBytes, { name: "none", supports: () => [], run: () => 0 });
  kernels.register(planDecode, { name: "none", supports: () => [], run() {} });

  kernels.register(prepareDecode, {
    name: "heads",
    supports: ({ queryKeyValue, batch }) => [...plainCache(batch), ...floats({ queryKeyValue: queryKeyValue.dtype, "the cache": batch.options.pool.options.dtype })],
    run({ batch, layer, queryKeyValue, numQueryHeads, headDim, queryNorm, keyNorm, epsilon, rotation }) {
      const { slots, numKeyValueHeads } = batch.options;
      expectShape("prepareDecode", "queryKeyValue", queryKeyValue, [slots, (numQueryHeads + 2 * numKeyValueHeads) * headDim]);
      const call = tables(batch).number(layer).tensor(queryKeyValue);
      for (const norm of [queryNorm, keyNorm]) {
        if (norm === undefined) call.missing();
        else call.vector(norm);
      }
      call.number(epsilon);
      for (const angles of [rotation?.query, rotation?.key]) call.optional(angles?.cosine).optional(angles?.sine);
      call.flag(rotation?.pairs === "neighbours").flag(rotation?.rowOf === "slot").number(numQueryHeads);
      backend.call("prepareDecode", addon.prepareDecode, call);
    },
  });

  kernels.register(decodeAttention, {
    name: "pieces",
    supports({ query, output, batch, choosesPages = false }) {
      const headDim = query.shape[2] ?? 0;
      return [
        ...(choosesPages ? ["heads choose pages by their queries, the kernel reads patterns that are known"] : []),
        ...plainCache(batch),
        ...floats({ query: query.dtype, output: output.dtype, "the cache": batch.options.pool.options.dtype }),
        ...(headDim % 32 === 0 ? [] : [`head dimension ${headDim} is no multiple of 32`]),
      ];
    },
    run({ batch, layer, query, output, ...scores }) {
      const [numQueryHeads, headDim] = [query.shape[1]!, query.shape[2]!];
      expectShape("decodeAttention", "query", query, [batch.options.slots, numQueryHeads, headDim]);
      expectShape("decodeAttention", "output", output, query.shape);
      const call = tables(batch).number(layer).tensor(query).tensor(output).number(numQueryHeads);
      pushAttentionScores("decodeAttention", call, scores, numQueryHeads);
      backend.call("decodeAttention", addon.decodeAttention, call);
    },
  });
}

/** The tables of a batch. How many rows and entries its pool has is left out: that changes under calls that were recorded. */
function tables({ lengths, heads, options }: DecodeBatch): CallArguments {
  const { pool, numLayers, numKeyValueHeads } = options;
  const call = new CallArguments().vector(lengths).tensor(heads).tensor(pool.keys.rows(0, 0)).tensor(pool.values.rows(0, 0));
  return call.tensor(pool.entries.rows(0, 0)).number(pool.pageTokens, numLayers, numKeyValueHeads);
}

function plainCache({ options }: DecodeBatch): readonly string[] {
  const { cacheType } = options.pool.options;
  return cacheType === undefined ? [] : [`the cache is in ${cacheType}, which the kernel does not read`];
}

function floats(dtypes: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(dtypes).flatMap(([name, dtype]) => (dtype === "f32" || dtype === "bf16" ? [] : [`${name} is ${dtype}, not f32 or bf16`]));
}
