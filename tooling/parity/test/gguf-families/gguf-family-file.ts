import { join } from "node:path";
import { type GgufTensorSource, type GgufWriteValue, writeGguf } from "@elastic-attention/tensor";
import type { OracleConfig, OracleTensor } from "../oracle/oracle-model.js";

/** How a family's checkpoint becomes a GGUF file, written down from the format's description and not from what reads it. */
interface Conversion {
  readonly architecture: string;
  /** Query and key rows in the order in which neighbours rotate together. */
  readonly permuted?: boolean;
  /** Norms with 1 added. */
  readonly shifted?: boolean;
  /** Tensors of a layer, as transformers names them without `.weight`. */
  readonly tensors: Readonly<Record<string, string>>;
  readonly keys?: (config: OracleConfig) => Record<string, GgufWriteValue | undefined>;
}

const attention = { "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output" };
const before = { input_layernorm: "attn_norm", post_attention_layernorm: "ffn_norm" };
const after = { post_attention_layernorm: "post_attention_norm", post_feedforward_layernorm: "post_ffw_norm" };
const mlp = { "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down" };
const headNorms = { "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm" };
const plain = { ...attention, ...before, ...mlp };
const gemma = { ...attention, ...after, ...mlp, input_layernorm: "attn_norm", pre_feedforward_layernorm: "ffn_norm" };
const experts = { gate_proj: "ffn_gate_exps", up_proj: "ffn_up_exps", down_proj: "ffn_down_exps", w1: "ffn_gate_exps", w3: "ffn_up_exps", w2: "ffn_down_exps" };

const number = (config: OracleConfig, key: string) => config[key] as number | undefined;
const windows = (config: OracleConfig) => ({
  "attention.sliding_window": number(config, "sliding_window") ?? undefined,
  "attention.sliding_window_pattern": (config["layer_types"] as string[] | undefined)?.map((type) => type === "sliding_attention"),
});
const mixture = (config: OracleConfig) => ({ expert_count: (config["num_local_experts"] ?? config["num_experts"]) as number, expert_used_count: number(config, "num_experts_per_tok") });

const conversions: Readonly<Record<string, Conversion>> = {
  llama: { architecture: "llama", permuted: true, tensors: plain },
  mixtral: { architecture: "llama", permuted: true, tensors: { ...plain, "block_sparse_moe.gate": "ffn_gate_inp" }, keys: mixture },
  qwen2: { architecture: "qwen2", tensors: plain },
  qwen3: { architecture: "qwen3", tensors: { ...plain, ...headNorms } },
  qwen3_moe: {
    architecture: "qwen3moe",
    tensors: { ...plain, ...headNorms, "mlp.gate": "ffn_gate_inp" },
    keys: (config) => ({ ...mixture(config), expert_feed_forward_length: number(config, "moe_intermediate_size"), expert_weights_norm: config["norm_topk_prob"] === false ? false : undefined }),
  },
  gemma2: {
    architecture: "gemma2",
    shifted: true,
    tensors: gemma,
    keys: (config) => ({ "attention.sliding_window": number(config, "sliding_window"), attn_logit_softcapping: number(config, "attn_logit_softcapping"), final_logit_softcapping: number(config, "final_logit_softcapping") }),
  },
  gemma3_text: { architecture: "gemma3", shifted: true, tensors: { ...gemma, ...headNorms }, keys: windows },
  phi3: {
    architecture: "phi3",
    tensors: { ...before, "self_attn.qkv_proj": "attn_qkv", "self_attn.o_proj": "attn_output", "mlp.gate_up_proj": "ffn_up", "mlp.down_proj": "ffn_down" },
    keys: (config) => ({ "attention.sliding_window": number(config, "sliding_window") ?? 0, "rope.scaling.original_context_length": number(config, "original_max_position_embeddings") ?? 128 }),
  },
  smollm3: { architecture: "smollm3", permuted: true, tensors: plain },
  olmo2: { architecture: "olmo2", tensors: { ...attention, ...after, ...mlp, ...headNorms } },
  granite: {
    architecture: "granite",
    permuted: true,
    tensors: plain,
    keys: (config) => ({
      "attention.scale": number(config, "attention_multiplier"),
      embedding_scale: number(config, "embedding_multiplier"),
      residual_scale: number(config, "residual_multiplier"),
      logit_scale: number(config, "logits_scaling"),
    }),
  },
  gpt_oss: {
    architecture: "gpt-oss",
    tensors: { ...attention, input_layernorm: "attn_norm", post_attention_layernorm: "post_attention_norm", "self_attn.sinks": "attn_sinks", "mlp.router": "ffn_gate_inp" },
    keys: (config) => ({ ...mixture(config), "attention.sliding_window": number(config, "sliding_window"), expert_feed_forward_length: number(config, "intermediate_size") }),
  },
  glm4: {
    architecture: "glm4",
    tensors: { ...attention, input_layernorm: "attn_norm", post_self_attn_layernorm: "post_attention_norm", post_attention_layernorm: "ffn_norm", post_mlp_layernorm: "post_ffw_norm", "mlp.gate_up_proj": "ffn_up", "mlp.down_proj": "ffn_down" },
  },
  exaone4: { architecture: "exaone4", tensors: { ...attention, ...after, ...mlp, ...headNorms }, keys: windows },
  seed_oss: { architecture: "seed_oss", tensors: { ...plain, post_attention_layernorm: "post_attention_norm" } },
  cohere2: { architecture: "cohere2", tensors: plain, keys: (config) => ({ ...windows(config), logit_scale: number(config, "logit_scale"), "attention.layer_norm_epsilon": number(config, "layer_norm_eps") }) },
  nemotron: { architecture: "nemotron", shifted: true, tensors: plain, keys: (config) => ({ "attention.layer_norm_epsilon": number(config, "norm_eps") }) },
};

/** How a matrix of experts is kept: in some format, its bytes given by the row. */
export type ExpertBytes = (values: Float32Array) => { readonly type: string; readonly bytes: Uint8Array };

export interface FamilyFileOptions {
  readonly keys?: Readonly<Record<string, GgufWriteValue | undefined>>;
  readonly experts?: ExpertBytes;
  /** Files of the first months keep each expert's matrices as tensors of their own. */
  readonly separateExperts?: boolean;
}

/** Writes a checkpoint's tensors as a GGUF file of its family, and returns the path. */
export function writeFamilyFile(folder: string, config: OracleConfig, tensors: ReadonlyMap<string, OracleTensor>, options: FamilyFileOptions = {}): string {
  const conversion = conversions[config["model_type"] as string]!;
  const { architecture } = conversion;
  const [hidden, heads] = [config["hidden_size"], config["num_attention_heads"]] as [number, number];
  const headDim = number(config, "head_dim") ?? hidden / heads;
  const keys: Record<string, GgufWriteValue | undefined> = {
    context_length: number(config, "max_position_embeddings"),
    embedding_length: hidden,
    block_count: number(config, "num_hidden_layers"),
    feed_forward_length: number(config, "intermediate_size"),
    "attention.head_count": heads,
    "attention.head_count_kv": number(config, "num_key_value_heads"),
    "attention.key_length": headDim,
    "attention.value_length": headDim,
    "attention.layer_norm_rms_epsilon": number(config, "rms_norm_eps"),
    ...ropeKeys(config, headDim),
    ...conversion.keys?.(config),
    ...options.keys,
  };
  const metadata = new Map<string, GgufWriteValue>([["general.architecture", architecture]]);
  for (const [key, value] of Object.entries(keys)) if (value !== undefined) metadata.set(`${architecture}.${key}`, value);
  const path = join(folder, "model.gguf");
  writeGguf(path, metadata, new Map([...ropeTensors(config, headDim), ...familyTensors(conversion, tensors, headDim, options)]));
  return path;
}

function rotation(config: OracleConfig): Record<string, unknown> {
  const parameters = config["rope_parameters"] as Record<string, Record<string, unknown>>;
  return (parameters["full_attention"] ?? parameters) as Record<string, unknown>;
}

function ropeKeys(config: OracleConfig, headDim: number): Record<string, GgufWriteValue | undefined> {
  const rope = rotation(config);
  const type = rope["rope_type"];
  return {
    "rope.freq_base": rope["rope_theta"] as number,
    "rope.dimension_count": headDim * ((rope["partial_rotary_factor"] as number | undefined) ?? 1),
    ...(type === "linear" || type === "yarn" ? { "rope.scaling.type": type, "rope.scaling.factor": rope["factor"] as number } : {}),
    ...(type === "yarn" ? { "rope.scaling.original_context_length": rope["original_max_position_embeddings"] as number } : {}),
    ...(type === "longrope" ? { "rope.scaling.attn_factor": Math.sqrt(1 + Math.log(128 / 16) / Math.log(16)) } : {}),
  };
}

function* ropeTensors(config: OracleConfig, headDim: number): Generator<[string, GgufTensorSource]> {
  const rope = rotation(config);
  if (rope["rope_type"] === "longrope") {
    for (const kind of ["short", "long"]) yield [`rope_factors_${kind}.weight`, floats([headDim / 2], Float32Array.from(rope[`${kind}_factor`] as number[]))];
  }
  if (rope["rope_type"] !== "llama3") return;
  const { factor, low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: original, rope_theta: theta } = rope as Record<string, number>;
  const divisors = Array.from({ length: headDim / 2 }, (_, pair) => {
    const turns = original! / (2 * Math.PI * theta! ** ((2 * pair) / headDim));
    const smooth = (turns - low!) / (high! - low!);
    return turns > high! ? 1 : turns < low! ? factor! : 1 / ((1 - smooth) / factor! + smooth);
  });
  yield ["rope_freqs.weight", floats([headDim / 2], Float32Array.from(divisors))];
}

function* familyTensors(conversion: Conversion, tensors: ReadonlyMap<string, OracleTensor>, headDim: number, options: FamilyFileOptions): Generator<[string, GgufTensorSource]> {
  const outer: Readonly<Record<string, string>> = { "model.embed_tokens": "token_embd", "model.norm": "output_norm", lm_head: "output" };
  /** Matrices of experts, by the tensor that they are joined in. */
  const joined = new Map<string, Float32Array[]>();
  const shapes = new Map<string, readonly number[]>();
  for (const [name, { shape, values: exact }] of tensors) {
    let values = Float32Array.from(exact);
    const [, layer, inner = name] = /^model\.layers\.(\d+)\.(.*)$/.exec(name) ?? [];
    const [, stem = inner, suffix = ".weight"] = /^(.*?)(\.weight|\.bias)$/.exec(inner) ?? [];
    const [, expert, matrix] = /\.experts\.(\d+)\.(\w+)$/.exec(stem) ?? [];
    const [, both, bias] = /^mlp\.experts\.(gate_up_proj|down_proj)(_bias)?$/.exec(stem) ?? [];
    if (both !== undefined) {
      for (const [part, piece] of unjoined(both, values, shape)) yield [`blk.${layer}.${part}.${bias === undefined ? "weight" : "bias"}`, source(piece.shape, piece.values, bias === undefined ? options.experts : undefined)];
      continue;
    }
    if (matrix !== undefined) {
      const kind = experts[matrix as keyof typeof experts];
      if (options.separateExperts === true) yield [`blk.${layer}.${kind.replace("_exps", "")}.${expert}.weight`, source(shape, values, options.experts)];
      else {
        const key = `blk.${layer}.${kind}.weight`;
        joined.set(key, [...(joined.get(key) ?? []), values]);
        shapes.set(key, shape);
      }
      continue;
    }
    if (conversion.permuted === true && /[qk]_proj$/.test(stem)) values = neighbouring(values, shape, headDim);
    if (conversion.shifted === true && stem.endsWith("norm") && suffix === ".weight") values = values.map((value) => value + 1);
    yield [`${layer === undefined ? outer[stem]! : `blk.${layer}.${conversion.tensors[stem]!}`}${suffix}`, floats(shape, values)];
  }
  for (const [name, parts] of joined) {
    const values = Float32Array.from(parts.flatMap((part) => Array.from(part)));
    yield [name, source([parts.length, ...shapes.get(name)!], values, options.experts)];
  }
}

/** gpt-oss keeps experts as [experts, inputs, outputs], gate and up by turns; biases as [experts, outputs]. */
function unjoined(name: string, values: Float32Array, shape: readonly number[]): (readonly [string, { readonly shape: readonly number[]; readonly values: Float32Array }])[] {
  const [count, inputs, outputs] = shape.length === 3 ? (shape as [number, number, number]) : [shape[0]!, 1, shape[1]!];
  const part = (step: number, first: number) => {
    const rows = outputs / step;
    const turned = Float32Array.from({ length: count * rows * inputs }, (_, i) => {
      const [expert, row, input] = [Math.floor(i / (rows * inputs)), Math.floor(i / inputs) % rows, i % inputs];
      return values[(expert * inputs + input) * outputs + row * step + first]!;
    });
    return { shape: shape.length === 3 ? [count, rows, inputs] : [count, rows], values: turned };
  };
  return name === "down_proj" ? [["ffn_down_exps", part(1, 0)]] : [["ffn_gate_exps", part(2, 0)], ["ffn_up_exps", part(2, 1)]];
}

/** Row i + j * headDim / 2 of a head to row 2i + j. */
function neighbouring(values: Float32Array, [rows, columns = 1]: readonly number[], headDim: number): Float32Array<ArrayBuffer> {
  const moved = new Float32Array(values.length);
  for (let row = 0; row < rows!; row++) {
    const [head, within] = [row - (row % headDim), row % headDim];
    const to = head + 2 * (within % (headDim / 2)) + Math.floor(within / (headDim / 2));
    moved.set(values.subarray(row * columns, (row + 1) * columns), to * columns);
  }
  return moved;
}

function source(shape: readonly number[], values: Float32Array, encode?: ExpertBytes): GgufTensorSource {
  return encode === undefined ? floats(shape, values) : { shape, ...encode(values) };
}

function floats(shape: readonly number[], values: Float32Array): GgufTensorSource {
  return { type: "F32", shape, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}
