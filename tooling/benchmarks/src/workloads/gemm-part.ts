import { MemoryScope } from "@elastic-attention/core";
import { type Backend, fillNormal, linear, type LinearWeight, packLinear } from "@elastic-attention/tensor";
import type { ModelSpec } from "@elastic-attention/transformer";
import { timed } from "../figures/contenders.js";

/** The products of a layer, by themselves. */
export interface GemmPart {
  /** Of the layers of a whole prefill. */
  readonly seconds: number;
  readonly teraflops: number;
  /** bf16, 8192 cubed: what the device reaches at best. */
  readonly peakTeraflops: number;
}

/** Times the matrix products of one layer over `tokens` rows, in the chunks of a prefill, and a large square one. */
export async function measureGemmPart(backend: Backend, spec: ModelSpec, tokens: number, side = 8192): Promise<GemmPart> {
  using scope = new MemoryScope();
  const { intermediateSize } = spec.layers[0]!.feedForward;
  const { hiddenSize, headDim, numQueryHeads, numKeyValueHeads } = spec;
  const queries = numQueryHeads * headDim;
  const queryKeyValue = queries + 2 * numKeyValueHeads * headDim;
  const normal = (rows: number, columns: number) => {
    const output = scope.track(backend.allocate([rows, columns], "bf16"));
    backend.kernels.run(fillNormal, { output, seed: rows, deviation: 0.02 });
    return output;
  };
  const weight = (outputs: number, inputs: number): LinearWeight => {
    const matrix = normal(outputs, inputs);
    return scope.track(backend.kernels.run(packLinear, { weights: [matrix], dtype: "bf16" }));
  };
  const chunk = Math.min(tokens, backend.device.workSizes.chunkRows);
  const shapes = [[queryKeyValue, hiddenSize], [hiddenSize, queries], [2 * intermediateSize, hiddenSize], [hiddenSize, intermediateSize]] as const;
  const products = shapes.map(([outputs, inputs]) => ({ weight: weight(outputs, inputs), input: normal(chunk, inputs), output: normal(chunk, outputs) }));
  const layer = () => {
    for (let start = 0; start < tokens; start += chunk) {
      const rows = Math.min(chunk, tokens - start);
      for (const { weight: matrix, input, output } of products) {
        const accumulate = matrix.outFeatures === hiddenSize;
        backend.kernels.run(linear, { input: input.rows(0, rows), weight: matrix, output: output.rows(0, rows), accumulate });
      }
    }
  };
  const perToken = shapes.reduce((sum, [outputs, inputs]) => sum + 2 * outputs * inputs, 0);
  const seconds = (await best(backend, layer)) * spec.numLayers;
  const square = { weight: weight(side, side), input: normal(side, side), output: normal(side, side) };
  // Many at once: waiting for one would be seen in its time.
  const squares = 16;
  const squareSeconds = (await best(backend, () => {
    for (let i = 0; i < squares; i++) backend.kernels.run(linear, square);
  })) / squares;
  return {
    seconds,
    teraflops: (perToken * tokens * spec.numLayers) / seconds / 1e12,
    peakTeraflops: (2 * side ** 3) / squareSeconds / 1e12,
  };
}

async function best(backend: Backend, work: () => void): Promise<number> {
  let shortest = Infinity;
  for (let round = 0; round < 4; round++) {
    const seconds = await timed(async () => {
      work();
      await backend.synchronize();
    });
    shortest = Math.min(shortest, seconds);
  }
  return shortest;
}
