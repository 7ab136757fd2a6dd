import { existsSync } from "node:fs";
import { join } from "node:path";
import { llamaAdapter } from "@elastic-attention/model-llama";
import { SafetensorsCheckpoint, toBFloat16, type TensorSource, writeSafetensors } from "@elastic-attention/tensor";
import { DecoderModel, type ModelSpec } from "@elastic-attention/transformer";
import type { Benchmark } from "../benchmark.js";
import { timed } from "../figures/contenders.js";
import { figure } from "../figures/figure.js";
import { cacheFolder } from "../folders.js";
import { publishedShape } from "../random-models/published-shapes.js";
import { normalTable } from "../random-models/random-weights.js";
import { startBackend } from "../workloads/start-backend.js";
import { rate } from "../figures/statistics.js";

/** Layers of the checkpoint: enough gigabytes for a steady speed, few enough to be written in seconds. */
const layers = 8;

export const benchmark: Benchmark = {
  description: "Loading a bf16 checkpoint from the page cache: reading, checking, packing",
  async run(options, progress) {
    using backend = await startBackend(options);
    const figures = [];
    for (const name of options.tiny ? ["tiny"] : (options.shapes ?? ["llama-3.1-8b"])) {
      const spec = { ...publishedShape(name, 8192), ...(options.tiny ? {} : { numLayers: layers }) };
      const path = randomShard(name, spec, progress);
      using checkpoint = SafetensorsCheckpoint.open(path);
      const gigabytes = checkpoint.byteLength / 1e9;
      const seconds: number[] = [];
      // The first round brings the file into the page cache.
      for (let round = 0; round < 1 + (options.rounds ?? 3); round++) {
        const time = await timed(async () => {
          using model = await DecoderModel.load({ backend, checkpoint, adapter: llamaAdapter, spec, dtype: "bf16" });
          await backend.synchronize();
          if (model.weightBytes === 0) throw new Error("The model is empty.");
        });
        if (round > 0) seconds.push(time);
      }
      const note = `${gigabytes.toFixed(2)} GB in ${spec.numLayers} layers`;
      const target = name === "llama-3.1-8b" && options.backend === "cuda" ? ({ bound: "at least", value: 4 } as const) : undefined;
      figures.push(figure({ what: `load ${name}`, unit: "GB/s", ours: rate("ours", seconds, gigabytes), target, higherIsBetter: true, note }));
    }
    return { figures, notes: [] };
  },
};

/** One safetensors file with random weights of that shape, made once and kept. @returns its path */
function randomShard(name: string, spec: ModelSpec, progress: (line: string) => void): string {
  const path = join(cacheFolder(), `${name}-${spec.numLayers}-layers.safetensors`);
  if (existsSync(path)) return path;
  progress(`writing ${path}`);
  const { patterns } = normalTable();
  const tensors = new Map<string, TensorSource>();
  const add = (role: Parameters<typeof llamaAdapter.weightName>[0], layer: number, shape: readonly number[]) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const bytes = () => {
      const values = new Uint16Array(count);
      if (shape.length === 1) values.fill(toBFloat16(1));
      else for (let start = 0; start < count; start += patterns.length) values.set(patterns.subarray(0, Math.min(patterns.length, count - start)), start);
      return new Uint8Array(values.buffer);
    };
    tensors.set(llamaAdapter.weightName(role, layer), { type: "BF16", shape, bytes });
  };
  const { intermediateSize } = spec.layers[0]!.feedForward;
  const { hiddenSize, headDim, numQueryHeads, numKeyValueHeads, vocabularySize } = spec;
  const [queries, keys] = [numQueryHeads * headDim, numKeyValueHeads * headDim];
  add("embedding", 0, [vocabularySize, hiddenSize]);
  add("output", 0, [vocabularySize, hiddenSize]);
  add("finalNorm", 0, [hiddenSize]);
  for (let layer = 0; layer < spec.numLayers; layer++) {
    for (const norm of ["attentionNorm", "mlpNorm"] as const) add(norm, layer, [hiddenSize]);
    add("query", layer, [queries, hiddenSize]);
    for (const role of ["key", "value"] as const) add(role, layer, [keys, hiddenSize]);
    add("attentionOutput", layer, [hiddenSize, queries]);
    for (const role of ["gate", "up"] as const) add(role, layer, [intermediateSize, hiddenSize]);
    add("down", layer, [hiddenSize, intermediateSize]);
  }
  writeSafetensors(path, tensors);
  return path;
}
