import { setImmediate } from "node:timers/promises";
import {
  type Backend,
  cast,
  elementDType,
  type FloatDType,
  MemoryScope,
  packLinear,
  type SafetensorsCheckpoint,
  ShapeError,
  type Tensor,
} from "@elastic-attention/tensor";
import type { DecoderWeights, LayerWeights, Projection } from "./decoder-weights.js";
import { findNotFinite, hostFloats } from "./host-floats.js";
import type { ModelAdapter, WeightRole } from "./model-adapter.js";
import { ModelConfigError } from "./model-config.js";
import type { ModelSpec } from "./model-spec.js";

export interface LoadWeightsOptions {
  readonly backend: Backend;
  readonly checkpoint: SafetensorsCheckpoint;
  readonly adapter: ModelAdapter;
  readonly spec: ModelSpec;
  readonly dtype: FloatDType;
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Checks every shape against the config, then uploads and packs layer by layer. Everything is owned by `scope`; on
 * failure or abort the caller's disposal of it gives all memory back.
 * @throws MissingTensorError, ShapeError, ModelConfigError (not finite, not float), OutOfMemoryError
 */
export async function loadWeights(options: LoadWeightsOptions, scope: MemoryScope): Promise<DecoderWeights> {
  const { spec, onProgress, signal } = options;
  const reader = new WeightReader(options, scope);
  checkShapes(options, reader);
  const embedding = reader.table("embedding", [spec.vocabularySize, spec.hiddenSize]);
  const layers: LayerWeights[] = [];
  for (let layer = 0; layer < spec.numLayers; layer++) {
    signal?.throwIfAborted();
    layers.push(loadLayer(reader, spec, layer));
    onProgress?.(layer + 1, spec.numLayers);
    await setImmediate();
  }
  const outputRole = spec.tiedEmbeddings ? "embedding" : "output";
  return {
    embedding,
    layers,
    finalNorm: reader.vector("finalNorm", 0, spec.hiddenSize),
    output: reader.projection([outputRole], 0, false),
  };
}

function loadLayer(reader: WeightReader, spec: ModelSpec, layer: number): LayerWeights {
  const norms = spec.queryKeyNorm
    ? { queryNorm: reader.vector("queryNorm", layer, spec.headDim), keyNorm: reader.vector("keyNorm", layer, spec.headDim) }
    : {};
  return {
    ...norms,
    attentionNorm: reader.vector("attentionNorm", layer, spec.hiddenSize),
    queryKeyValue: reader.projection(["query", "key", "value"], layer, spec.queryKeyValueBias),
    attentionOutput: reader.projection(["attentionOutput"], layer, spec.attentionOutputBias),
    mlpNorm: reader.vector("mlpNorm", layer, spec.hiddenSize),
    gateUp: reader.projection(["gate", "up"], layer, spec.mlpBias),
    down: reader.projection(["down"], layer, spec.mlpBias),
  };
}

/** Shape [out, in] of every matrix of a layer. */
function matrixShapes(spec: ModelSpec): Partial<Record<WeightRole, readonly [number, number]>> {
  const { hiddenSize, intermediateSize, headDim } = spec;
  const [queries, keys] = [spec.numQueryHeads * headDim, spec.numKeyValueHeads * headDim];
  return {
    query: [queries, hiddenSize],
    key: [keys, hiddenSize],
    value: [keys, hiddenSize],
    attentionOutput: [hiddenSize, queries],
    gate: [intermediateSize, hiddenSize],
    up: [intermediateSize, hiddenSize],
    down: [hiddenSize, intermediateSize],
  };
}

/** Before anything is uploaded: every tensor is there and as large as the config says. */
function checkShapes({ spec }: LoadWeightsOptions, reader: WeightReader): void {
  const table = [spec.vocabularySize, spec.hiddenSize];
  reader.check("embedding", 0, table);
  if (!spec.tiedEmbeddings) reader.check("output", 0, table);
  reader.check("finalNorm", 0, [spec.hiddenSize]);
  for (let layer = 0; layer < spec.numLayers; layer++) {
    reader.check("attentionNorm", layer, [spec.hiddenSize]);
    reader.check("mlpNorm", layer, [spec.hiddenSize]);
    if (spec.queryKeyNorm) for (const role of ["queryNorm", "keyNorm"] as const) reader.check(role, layer, [spec.headDim]);
    for (const [role, shape] of Object.entries(matrixShapes(spec))) reader.check(role as WeightRole, layer, shape);
  }
}

/** Reads weights by role from a checkpoint onto a backend. */
class WeightReader {
  constructor(
    private readonly options: LoadWeightsOptions,
    private readonly scope: MemoryScope,
  ) {}

  check(role: WeightRole, layer: number, expected: readonly number[]): void {
    const name = this.options.adapter.weightName(role, layer);
    const { shape } = this.options.checkpoint.entry(name);
    if (shape.length !== expected.length || shape.some((size, i) => size !== expected[i])) {
      throw new ShapeError(
        `${name} is [${shape.join(", ")}], but config.json asks for [${expected.join(", ")}].`,
        "The config does not belong to these weights.",
      );
    }
  }

  /** A matrix that is looked up in, in the compute dtype. */
  table(role: WeightRole, shape: readonly number[]): Tensor {
    const table = this.scope.track(this.options.backend.allocate(shape, this.options.dtype));
    using uploaded = this.#upload(this.options.adapter.weightName(role, 0));
    this.options.backend.kernels.run(cast, { input: uploaded, output: table });
    return table;
  }

  /** A norm weight or bias as f32. */
  vector(role: WeightRole, layer: number, length: number, suffix = ".weight"): Tensor {
    const name = this.options.adapter.weightName(role, layer).replace(/\.weight$/, suffix);
    const values = hostFloats(this.#read(name), this.options.checkpoint.entry(name).type);
    if (values.length !== length) throw new ShapeError(`${name} has ${values.length} values, expected ${length}.`);
    return this.scope.track(this.options.backend.upload(values, [length], "f32"));
  }

  /** Matrices joined along their outputs, packed, with their biases joined the same way. */
  projection(roles: readonly WeightRole[], layer: number, withBias: boolean): Projection {
    const { backend, adapter, checkpoint, dtype } = this.options;
    const names = roles.map((role) => adapter.weightName(role, layer));
    using matrices = new MemoryScope();
    const weights = names.map((name) => matrices.track(this.#upload(name)));
    const weight = this.scope.track(backend.kernels.run(packLinear, { weights, dtype }));
    if (!withBias) return { weight };
    const biases = names.map((name) => name.replace(/\.weight$/, ".bias"));
    const values = biases.map((name) => hostFloats(this.#read(name), checkpoint.entry(name).type));
    const joined = Float32Array.from(values.flatMap((part) => Array.from(part)));
    return { weight, bias: this.scope.track(backend.upload(joined, [joined.length], "f32")) };
  }

  #upload(name: string): Tensor {
    const { type, shape } = this.options.checkpoint.entry(name);
    const dtype = elementDType(type);
    const bytes = this.#read(name);
    if (dtype === "f32" || dtype === "bf16" || dtype === "f16") return this.options.backend.upload(bytes, shape, dtype);
    return this.options.backend.upload(hostFloats(bytes, type), shape, "f32");
  }

  #read(name: string): Uint8Array {
    const bytes = this.options.checkpoint.read(name);
    const bad = findNotFinite(bytes, this.options.checkpoint.entry(name).type);
    if (bad >= 0) {
      throw new ModelConfigError(`${name} holds a value that is not finite (element ${bad}).`, "The checkpoint is damaged; download it again.");
    }
    return bytes;
  }
}
