import { countParameters, elasticModeNames } from "@elastic-attention/transformer";
import type { GenerationDefaults } from "./defaults/generation-defaults.js";
import type { ModelDescription } from "./engine.js";
import type { RouterChoice } from "./request/router-choice.js";
import type { Tokenizer } from "./tokenizer/tokenizer.js";

/** What callers are told of a loaded model. */
export function describeModel({ model, router, description }: RouterChoice, tokenizer: Tokenizer, defaults: GenerationDefaults, name: string, loadSeconds: number, notes: readonly string[] = []): ModelDescription {
  const { spec, decoder } = model;
  return {
    name,
    architecture: spec.architecture,
    parameters: countParameters(spec),
    contextLength: spec.contextLength,
    numLayers: spec.numLayers,
    numQueryHeads: spec.numQueryHeads,
    numKeyValueHeads: spec.numKeyValueHeads,
    headDim: spec.headDim,
    vocabularySize: spec.vocabularySize,
    dtype: decoder.dtype,
    weights: model.weights,
    backend: decoder.backend.name,
    hasChatTemplate: tokenizer.hasChatTemplate,
    hasThinkingSwitch: tokenizer.hasThinkingSwitch,
    defaults,
    modes: elasticModeNames(),
    windows: spec.layers.map(({ window }) => window ?? null),
    router,
    routerDescription: description,
    loadSeconds,
    notes: [...notes, ...model.notes],
  };
}
