import { llamaAdapter } from "@elastic-attention/model-llama";
import { qwen3Adapter } from "@elastic-attention/model-qwen";
import { ModelConfig, type ModelSpec } from "@elastic-attention/transformer";

const llama3 = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };

/** What the config.json of these models says of their shape. */
const configs: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "llama-3.1-8b": {
    architectures: ["LlamaForCausalLM"],
    vocab_size: 128256,
    hidden_size: 4096,
    intermediate_size: 14336,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    head_dim: 128,
    rope_theta: 500000,
    rope_scaling: llama3,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
  },
  "qwen3-4b": {
    architectures: ["Qwen3ForCausalLM"],
    vocab_size: 151936,
    hidden_size: 2560,
    intermediate_size: 9728,
    num_hidden_layers: 36,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    head_dim: 128,
    rope_theta: 1000000,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: true,
  },
  "qwen3-8b": {
    architectures: ["Qwen3ForCausalLM"],
    vocab_size: 151936,
    hidden_size: 4096,
    intermediate_size: 12288,
    num_hidden_layers: 36,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    head_dim: 128,
    rope_theta: 1000000,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: false,
  },
  /** Seconds on any machine: it tries the benchmark. */
  tiny: {
    architectures: ["LlamaForCausalLM"],
    vocab_size: 512,
    hidden_size: 64,
    intermediate_size: 96,
    num_hidden_layers: 2,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 16,
    rope_theta: 10000,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
  },
};

/** Names that {@link publishedShape} knows. */
export const publishedShapeNames: readonly string[] = Object.keys(configs);

/**
 * The spec of a published model's shape, with a context as long as is asked for: its weights are random anyway.
 * @throws RangeError naming the shapes there are
 */
export function publishedShape(name: string, contextLength: number): ModelSpec {
  const values = configs[name];
  if (values === undefined) throw new RangeError(`No model shape is named "${name}"; there are: ${publishedShapeNames.join(", ")}.`);
  const config = new ModelConfig({ torch_dtype: "bfloat16", max_position_embeddings: contextLength, ...values }, name);
  const adapter = [llamaAdapter, qwen3Adapter].find((candidate) => candidate.matches(config))!;
  return adapter.spec(config);
}
