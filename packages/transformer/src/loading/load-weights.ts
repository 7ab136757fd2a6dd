import { setImmediate } from "node:timers/promises";
import { MemoryScope } from "@elastic-attention/core";
import type { DecoderWeights, FeedForwardWeights, LayerWeights } from "../layer/decoder-weights.js";
import type { ModelSpec } from "../model/model-spec.js";
import { checkWeights } from "./check-weights.js";
import { layerNorms } from "./expected-tensors.js";
import { type ReadWeightsOptions, WeightReader } from "./weight-reader.js";

export interface LoadWeightsOptions extends ReadWeightsOptions {
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Checks every shape against the config, then reads and packs layer by layer, straight into the backend's memory where it
 * can; whether the values are numbers is looked at there, and told at the end. Everything is owned by `scope`; on
 * failure or abort the caller's disposal of it gives all memory back.
 * @throws MissingTensorError, ShapeError, ModelConfigError (not finite, not float), OutOfMemoryError
 */
export async function loadWeights(options: LoadWeightsOptions, scope: MemoryScope): Promise<DecoderWeights> {
  const { spec, onProgress, signal } = options;
  using loading = new MemoryScope();
  const reader = new WeightReader(options, scope, loading);
  checkWeights(options.checkpoint, options.adapter, spec);
  const embedding = reader.embedding([spec.vocabularySize, spec.hiddenSize]);
  const layers: LayerWeights[] = [];
  for (let layer = 0; layer < spec.numLayers; layer++) {
    signal?.throwIfAborted();
    layers.push(loadLayer(reader, spec, layer));
    onProgress?.(layer + 1, spec.numLayers);
    await setImmediate();
  }
  const finalNorm = reader.norm("finalNorm", 0);
  const output = spec.tiedEmbeddings ? { weight: reader.tiedHead(embedding) } : reader.projection(["output"], 0, false);
  reader.finish();
  return { embedding, layers, finalNorm, output };
}

function loadLayer(reader: WeightReader, spec: ModelSpec, layer: number): LayerWeights {
  const { queryKeyValueBias, attentionOutputBias, attentionSinks, queryKeyNorm } = spec;
  const norms = Object.fromEntries(layerNorms(spec).map((role) => [role, reader.norm(role, layer)]));
  const headNorms = queryKeyNorm === "none" ? {} : { queryNorm: reader.gain("queryNorm", layer), keyNorm: reader.gain("keyNorm", layer) };
  return {
    ...norms,
    ...headNorms,
    ...(attentionSinks ? { sinks: reader.vector("sinks", layer) } : {}),
    queryKeyValue: reader.projection(reader.fused("queryKeyValue") ?? ["query", "key", "value"], layer, queryKeyValueBias),
    attentionOutput: reader.projection(["attentionOutput"], layer, attentionOutputBias),
    feedForward: loadFeedForward(reader, spec, layer),
  };
}

function loadFeedForward(reader: WeightReader, spec: ModelSpec, layer: number): FeedForwardWeights {
  const { feedForward } = spec.layers[layer]!;
  const { gated, bias } = feedForward;
  if (feedForward.kind === "experts") {
    return {
      kind: "experts",
      router: reader.projection(["expertRouter"], layer, feedForward.routerBias),
      gateUp: reader.experts("expertGateUp", gated ? ["expertGate", "expertUp"] : ["expertUp"], layer, feedForward),
      down: reader.experts("expertDown", ["expertDown"], layer, feedForward),
    };
  }
  return {
    kind: "dense",
    gateUp: reader.projection(gated ? (reader.fused("gateUp") ?? ["gate", "up"]) : ["up"], layer, bias),
    down: reader.projection(["down"], layer, bias),
  };
}
