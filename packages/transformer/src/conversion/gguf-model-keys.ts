import type { GgufNumber, GgufTensorSource, GgufWriteValue } from "@elastic-attention/tensor";
import type { GgufArchitecture } from "../loading/gguf/gguf-architectures.js";
import { divisorsName, longFactorsName, shortFactorsName } from "../loading/gguf/gguf-rope.js";
import type { ModelSpec } from "../model/model-spec.js";
import { inverseFrequencies } from "../model/rope/frequencies.js";
import type { RopeSpec } from "../model/rope/rope-spec.js";

const count = (value: number): GgufNumber => ({ type: "u32", value });
const float = (value: number): GgufNumber => ({ type: "f32", value });

type Values = Readonly<Record<string, GgufWriteValue | undefined>>;

/**
 * The keys of a model's metadata that say what `huggingFaceConfig` reads, without the architecture's name in front.
 * @param withPattern whether to write which layers slide: a file leaves that out where its architecture has no other way
 */
export function modelKeys(architecture: GgufArchitecture, spec: ModelSpec, withPattern: boolean): Values {
  const { feedForward } = spec.layers[0]!;
  const rope = globalRope(spec);
  const own = ownKeys(spec, withPattern);
  const layerNorm = architecture.keys?.includes("attention.layer_norm_epsilon") === true;
  return {
    vocab_size: count(spec.vocabularySize),
    context_length: count(givenLength(architecture, spec, rope)),
    embedding_length: count(spec.hiddenSize),
    block_count: count(spec.numLayers),
    feed_forward_length: count(feedForward.intermediateSize),
    "attention.head_count": count(spec.numQueryHeads),
    "attention.head_count_kv": count(spec.numKeyValueHeads),
    "attention.key_length": count(spec.headDim),
    "attention.value_length": count(spec.headDim),
    ...(layerNorm ? {} : { "attention.layer_norm_rms_epsilon": float(spec.norm.epsilon) }),
    ...(rope === undefined ? {} : ropeKeys(rope)),
    ...Object.fromEntries((architecture.keys ?? []).map((key) => [key, own[key]])),
  };
}

/** The length that the context is read from: see `contextLength`. */
function givenLength({ keys = [] }: GgufArchitecture, { contextLength }: ModelSpec, rope: RopeSpec | undefined): number {
  return rope?.type === "linear" && !keys.includes("rope.freq_base_swa") ? Math.round(contextLength / rope.factor) : contextLength;
}

/** Tensors of the numbers that a model's frequencies are divided by. */
export function ropeTensors(spec: ModelSpec): ReadonlyMap<string, GgufTensorSource> {
  const rope = globalRope(spec);
  const source = (values: readonly number[]): GgufTensorSource => ({ type: "F32", shape: [values.length], bytes: new Uint8Array(Float32Array.from(values).buffer) });
  switch (rope?.type) {
    case "llama3":
    case "divided":
      return new Map([[divisorsName, source(frequencyDivisors(rope))]]);
    case "longrope":
      return new Map([[longFactorsName, source(rope.longFactors)], [shortFactorsName, source(rope.shortFactors)]]);
    default:
      return new Map();
  }
}

/** What each pair's frequency is divided by, in scalings that no length changes. */
export function frequencyDivisors(rope: RopeSpec): readonly number[] {
  if (rope.type === "divided") return rope.divisors;
  const { theta, rotatedDim, pairs } = rope;
  const plain = inverseFrequencies({ type: "default", theta, rotatedDim, pairs });
  return Array.from(inverseFrequencies(rope), (frequency, pair) => Math.fround(plain[pair]! / frequency));
}

/** Of layers that see the whole context; of any where none does. */
function globalRope({ layers }: ModelSpec): RopeSpec | undefined {
  return (layers.find(({ rope, window }) => rope !== undefined && window === undefined) ?? layers.find(({ rope }) => rope !== undefined))?.rope;
}

function ropeKeys(rope: RopeSpec): Values {
  const common = { "rope.dimension_count": count(rope.rotatedDim), "rope.freq_base": float(rope.theta) };
  switch (rope.type) {
    case "linear":
      return { ...common, "rope.scaling.type": "linear", "rope.scaling.factor": float(rope.factor) };
    case "yarn":
      return {
        ...common,
        "rope.scaling.type": "yarn",
        "rope.scaling.factor": float(rope.factor),
        "rope.scaling.original_context_length": count(rope.originalContextLength),
        "rope.scaling.attn_factor": float(rope.attentionFactor / (0.1 * Math.log(rope.factor) + 1)),
        "rope.scaling.yarn_beta_fast": float(rope.betaFast),
        "rope.scaling.yarn_beta_slow": float(rope.betaSlow),
      };
    case "longrope":
      return { ...common, "rope.scaling.original_context_length": count(rope.originalContextLength), "rope.scaling.attn_factor": float(rope.attentionFactor) };
    default:
      return common;
  }
}

/** What some architectures have keys for. */
function ownKeys(spec: ModelSpec, withPattern: boolean): Values {
  const { layers, attentionSoftCap, logitsSoftCap } = spec;
  const { feedForward } = layers[0]!;
  const window = layers.find((layer) => layer.window !== undefined)?.window;
  const slidingRope = layers.find((layer) => layer.window !== undefined)?.rope;
  const experts = feedForward.kind === "experts" ? feedForward : undefined;
  return {
    expert_count: experts && count(experts.numExperts),
    expert_used_count: experts && count(experts.expertsPerToken),
    expert_feed_forward_length: experts && count(experts.intermediateSize),
    expert_weights_norm: experts?.normalizeChosen,
    "attention.sliding_window": count(window ?? 0),
    "attention.sliding_window_pattern": withPattern ? layers.map((layer) => layer.window !== undefined) : undefined,
    "rope.freq_base_swa": slidingRope && float(slidingRope.theta),
    attn_logit_softcapping: float(attentionSoftCap ?? 0),
    final_logit_softcapping: float(logitsSoftCap ?? 0),
    "attention.scale": float(spec.attentionScale),
    embedding_scale: float(spec.embeddingScale),
    residual_scale: float(spec.residualScale),
    // Of one architecture the number that logits are divided by, of another what they are multiplied with.
    logit_scale: float(spec.architecture.startsWith("Granite") ? 1 / spec.logitsScale : spec.logitsScale),
    "attention.layer_norm_epsilon": float(spec.norm.epsilon),
  };
}
