import { decodeAttentionArguments, type DecodePool, type NativeBackend, type NativeKernel, prepareDecodeArguments } from "@elastic-attention/addon";
import { decodeAttention, decodePlanBytes, planDecode, prepareDecode } from "@elastic-attention/attention";

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
    supports: ({ queryKeyValue, batch }) => floats({ queryKeyValue: queryKeyValue.dtype, "the cache": batch.options.pool.options.dtype }),
    run(call) {
      backend.call("prepareDecode", addon.prepareDecode, prepareDecodeArguments(call, pool));
    },
  });

  kernels.register(decodeAttention, {
    name: "pieces",
    supports({ query, output, batch, choosesPages = false }) {
      const headDim = query.shape[2] ?? 0;
      return [
        ...(choosesPages ? ["heads choose pages by their queries, the kernel reads patterns that are known"] : []),
        ...floats({ query: query.dtype, output: output.dtype, "the cache": batch.options.pool.options.dtype }),
        ...(headDim % 32 === 0 ? [] : [`head dimension ${headDim} is no multiple of 32`]),
      ];
    },
    run(call) {
      backend.call("decodeAttention", addon.decodeAttention, decodeAttentionArguments(call, pool));
    },
  });
}

/** How many rows and entries the pool of a batch has changes under calls that were recorded. */
const pool: DecodePool = { rows: (tensor) => tensor.rows(0, 0), readsRounded: true };

function floats(dtypes: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(dtypes).flatMap(([name, dtype]) => (dtype === "f32" || dtype === "bf16" ? [] : [`${name} is ${dtype}, not f32 or bf16`]));
}
