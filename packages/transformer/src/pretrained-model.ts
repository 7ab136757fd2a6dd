import { statSync } from "node:fs";
import { dirname } from "node:path";
import type { AttentionMode } from "@elastic-attention/attention";
import { hasRouterWeights, LearnedRouter, loadRouterWeights, type RouterWeights } from "@elastic-attention/router";
import { type Backend, type FloatDType, SafetensorsCheckpoint } from "@elastic-attention/tensor";
import { DecoderModel } from "./decoder-model.js";
import { elasticSizes, type ElasticSizes } from "./elastic-spec.js";
import { hostFloats } from "./host-floats.js";
import { findModelAdapter, type ModelAdapter } from "./model-adapter.js";
import { ModelConfig } from "./model-config.js";
import type { ModelSpec } from "./model-spec.js";

export interface OpenModelOptions {
  /** Folder with config.json and safetensors, or a .safetensors file beside a config.json. */
  readonly path: string;
  readonly backend: Backend;
  /** Default: bf16 for 16-bit checkpoints, else f32. */
  readonly dtype?: FloatDType;
  readonly adapter?: ModelAdapter;
  readonly roundRotaryTables?: boolean;
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  readonly signal?: AbortSignal;
}

/** A model folder: its config, its decoder on a backend, and the router tensors it may hold. */
export class PretrainedModel implements Disposable {
  private constructor(
    readonly directory: string,
    readonly config: ModelConfig,
    readonly spec: ModelSpec,
    readonly sizes: ElasticSizes,
    readonly decoder: DecoderModel,
    private readonly routerWeights: readonly RouterWeights[] | undefined,
  ) {}

  /** @throws ModelConfigError, SafetensorsFormatError, CheckpointLayoutError, MissingTensorError, ShapeError, OutOfMemoryError */
  static async open(options: OpenModelOptions): Promise<PretrainedModel> {
    const { path, backend } = options;
    using checkpoint = SafetensorsCheckpoint.open(path);
    const directory = statSync(path).isDirectory() ? path : dirname(path);
    const config = ModelConfig.read(directory);
    const adapter = options.adapter ?? findModelAdapter(config);
    const spec = adapter.spec(config);
    const dtype = options.dtype ?? (spec.checkpointDType === "f32" ? "f32" : "bf16");
    const decoder = await DecoderModel.load({ ...options, checkpoint, adapter, spec, dtype });
    const loaded: RouterWeights[] = [];
    try {
      const prefixes = Array.from({ length: spec.numLayers }, (_, layer) => adapter.weightName("router", layer));
      const published = config.architecture.startsWith("Paw");
      if (published || hasRouterWeights(checkpoint, prefixes[0]!)) {
        for (const prefix of prefixes) loaded.push(loadRouterWeights(checkpoint, prefix, backend, spec.headDim, hostFloats));
      }
    } catch (error) {
      for (const weights of loaded) weights[Symbol.dispose]();
      decoder[Symbol.dispose]();
      throw error;
    }
    return new PretrainedModel(directory, config, spec, elasticSizes(config), decoder, loaded.length > 0 ? loaded : undefined);
  }

  get hasLearnedRouter(): boolean {
    return this.routerWeights !== undefined;
  }

  /** The checkpoint's own router between two modes; undefined when it has none. Shares the model's weights: not to be disposed. */
  learnedRouter(retrievalMode: AttentionMode, sparseMode: AttentionMode, tieRule: "float32" | "bfloat16" = "float32") {
    if (this.routerWeights === undefined) return undefined;
    return new LearnedRouter({ layers: this.routerWeights, retrievalMode, sparseMode, tieRule });
  }

  [Symbol.dispose](): void {
    this.decoder[Symbol.dispose]();
    for (const weights of this.routerWeights ?? []) weights[Symbol.dispose]();
  }
}
