import { ModelConfigError } from "@elastic-attention/core";
import { registerLlama } from "@elastic-attention/model-llama";
import { registerQwen } from "@elastic-attention/model-qwen";
import { countParameters, interpretConfig, ModelConfig, routedLayers } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { registerModelFamilies } from "@elastic-attention/model-families";
import { publishedConfigs } from "./published-configs.js";

registerLlama();
registerQwen();
registerModelFamilies();

/** Keys of the older form beside the sections of transformers 5 that say the same. */
function currentForm(config: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { torch_dtype, rope_theta, rope_scaling, rope_local_base_freq, partial_rotary_factor, ...rest } = config;
  if (rope_theta === undefined) return config;
  const scaling = (rope_scaling ?? {}) as Record<string, unknown>;
  const global = { rope_type: scaling["rope_type"] ?? scaling["type"] ?? "default", ...scaling, type: undefined, rope_theta, partial_rotary_factor };
  const rope_parameters = rope_local_base_freq === undefined ? global : { full_attention: global, sliding_attention: { rope_type: "default", rope_theta: rope_local_base_freq } };
  return { ...rest, dtype: torch_dtype, rope_parameters };
}

describe.each(publishedConfigs)("the config of $name", ({ config, millions, contextLength, routed }) => {
  const read = (values: Readonly<Record<string, unknown>>) => interpretConfig(new ModelConfig(values));

  test("is read whole: nothing is unknown, and the parameters are those of its card", () => {
    const { spec, unknownKeys } = read(config);
    expect(unknownKeys).toEqual([]);
    expect({ millions: Math.floor(countParameters(spec) / 1e6), contextLength: spec.contextLength, routed: routedLayers(spec).length }).toEqual({ millions, contextLength, routed: routed ?? spec.numLayers });
  });

  test("gives the same spec in the form of transformers 5", () => {
    const current = read(currentForm(config));
    expect(current.unknownKeys).toEqual([]);
    expect(current.spec).toEqual(read(config).spec);
  });
});

test.each<[name: string, window: number | undefined]>([
  ["Mistral 7B v0.1", 4096],
  ["EXAONE 4.0 32B", 4096],
  ["Gemma 2 9B it", 4096],
  ["gpt-oss 20B", 128],
  ["Command R7B 12-2024", 4096],
  ["Mixtral 8x7B Instruct v0.1", undefined],
  ["Phi-3 mini 4k instruct", undefined],
])("a window that the file of %s leaves out is the class's, one that it says is null is none", (name, usual) => {
  const { config } = publishedConfigs.find((each) => each.name === name)!;
  const windows = (changes: Readonly<Record<string, unknown>>) => interpretConfig(new ModelConfig({ ...config, layer_types: undefined, sliding_window_size: undefined, ...changes })).spec.layers.map(({ window }) => window);
  expect(windows({ sliding_window: undefined })[0]).toBe(usual);
  if (["MistralForCausalLM", "Exaone4ForCausalLM"].includes((config["architectures"] as string[])[0]!)) expect(new Set(windows({ sliding_window: null }))).toEqual(new Set([undefined]));
});

describe("what such files could say otherwise is refused by name:", () => {
  const changed: readonly (readonly [name: string, changes: Readonly<Record<string, unknown>>, key: RegExp])[] = [
    ["Gemma 2 9B it", { sliding_window_size: 100 }, /sliding_window_size/],
    ["Phi-4 mini instruct", { full_attn_mod: 2 }, /full_attn_mod/],
    ["Nemotron Mini 4B Instruct", { rope_percent: 0.25 }, /rope_percent/],
    ["Nemotron Mini 4B Instruct", { kv_channels: 64 }, /kv_channels/],
    ["Gemma 3 4B it, whose file has the text model inside", { text_config: { hidden_size: 2560, num_hidden_layers: 34, intermediate_size: 10_240, sliding_window: 1024, use_bidirectional_attention: true } }, /text_config.use_bidirectional_attention/],
    ["Gemma 3 4B it, whose file has the text model inside", { text_config: undefined }, /text_config/],
    ["Mistral Small 3.1 24B Instruct 2503, whose file has the text model inside", { text_config: { model_type: "mamba" } }, /text_config must be a text model of the model_type mistral or ministral3/],
    ["Mistral Small 3.1 24B Instruct 2503, whose file has the text model inside", { text_config: undefined }, /text_config/],
  ];
  test.each(changed)("%s with %j", (name, changes, key) => {
    const { config } = publishedConfigs.find((each) => each.name === name)!;
    const act = () => interpretConfig(new ModelConfig({ ...config, ...changes }));
    expect(act).toThrow(ModelConfigError);
    expect(act).toThrow(key);
  });
});
