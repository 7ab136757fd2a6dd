import { ConversionError } from "@elastic-attention/core";
import type { CheckedModel } from "../loading/checked-model.js";
import { inverseFrequencies } from "../model/rope/frequencies.js";
import type { TypeChoices } from "./type-choices.js";

/** Ending of the name of a matrix's scales. */
export const channelScales = ".weight_scale";

const dtypes: Readonly<Record<string, string>> = { F32: "float32", F16: "float16", BF16: "bfloat16" };

/** The config.json of a model whose weights are written as transformers has them. @throws ConversionError */
export function transformersConfig({ files, spec }: CheckedModel, choices: TypeChoices): Readonly<Record<string, unknown>> {
  const { quantization_config: quantisation, torch_dtype: _, dtype: before, ...config } = files.config.json;
  const dtype = dtypes[choices.main] ?? (choices.asked === "fp8" ? "bfloat16" : before);
  return {
    ...config,
    ...(files.ggufPath === undefined ? {} : { rope_parameters: namedScaling(files.config.json["rope_parameters"], spec) }),
    // The older of the two names is the one that all versions of transformers read.
    torch_dtype: dtype,
    ...(choices.asked === "fp8" ? { quantization_config: fp8Quantisation(spec) } : files.quantisation === undefined && quantisation !== undefined ? { quantization_config: quantisation } : {}),
  };
}

/** The layout of compressed-tensors with a scale for each output, and for each token of the activations as they come. */
function fp8Quantisation({ layers }: CheckedModel["spec"]): Readonly<Record<string, unknown>> {
  const float8 = { num_bits: 8, type: "float", symmetric: true };
  const routes = layers.some(({ feedForward }) => feedForward.kind === "experts");
  return {
    quant_method: "compressed-tensors",
    format: "float-quantized",
    quantization_status: "compressed",
    ignore: ["lm_head", ...(routes ? ["re:.*\\.gate$"] : [])],
    config_groups: {
      group_0: {
        targets: ["Linear"],
        weights: { ...float8, strategy: "channel", dynamic: false },
        input_activations: { ...float8, strategy: "token", dynamic: true },
      },
    },
  };
}

/** Bounds of the ramp of all published models with Llama's scaling; the length before it follows from them. */
const [lowFrequencyFactor, highFrequencyFactor] = [1, 4];

/** Divisors of frequencies as the scaling that they come from: transformers knows no lists of them. @throws ConversionError */
function namedScaling(parameters: unknown, spec: CheckedModel["spec"]): unknown {
  const rope = spec.layers.find((layer) => layer.rope?.type === "divided")?.rope;
  if (rope?.type !== "divided") return parameters;
  const { theta, rotatedDim, pairs, divisors } = rope;
  const factor = Math.max(...divisors);
  const plain = inverseFrequencies({ type: "default", theta, rotatedDim, pairs });
  const between = divisors.findIndex((divisor) => divisor > 1.001 && divisor < 0.999 * factor);
  const share = between < 0 ? 0 : (1 / divisors[between]! - 1 / factor) / (1 - 1 / factor);
  const turns = lowFrequencyFactor + share * (highFrequencyFactor - lowFrequencyFactor);
  const originalContextLength = between < 0 ? 8192 : Math.round((turns * 2 * Math.PI) / plain[between]!);
  const found = inverseFrequencies({ type: "llama3", theta, rotatedDim, pairs, factor, lowFrequencyFactor, highFrequencyFactor, originalContextLength });
  const wanted = inverseFrequencies(rope);
  if (found.every((frequency, pair) => Math.abs(frequency - wanted[pair]!) <= 2e-6 * frequency)) {
    return { rope_type: "llama3", rope_theta: theta, factor, low_freq_factor: lowFrequencyFactor, high_freq_factor: highFrequencyFactor, original_max_position_embeddings: originalContextLength };
  }
  throw new ConversionError("The file divides its frequencies by numbers that are no scaling of transformers.", "Name a .gguf file, or take the checkpoint that the file was made from.");
}
