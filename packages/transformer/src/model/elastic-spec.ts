import type { AttentionMode } from "@elastic-attention/attention";
import type { RouterPooling } from "@elastic-attention/router";
import type { ModelConfig } from "./model-config.js";

/** The elastic keys of a published checkpoint (reference semantics 2.1), with the class defaults where absent. */
export interface ElasticSpec {
  /** Mode of heads that the router sends to retrieval. */
  readonly retrievalMode: AttentionMode;
  /** Mode of the other heads. */
  readonly sparseMode: AttentionMode;
}

/** Names of the mode pairs, as the paper writes them. */
export type ElasticModeName = "full" | "fa-ssa" | "fa-xa" | "xa-ssa";

/** Sizes of the sparse modes, in tokens. */
export interface ElasticSizes {
  readonly sinkTokens: number;
  readonly localTokens: number;
  readonly blockSize: number;
  readonly stride: number;
  readonly threshold: number;
}

/** The published sizes: 1 sink and 16 local blocks of 128, XAttention stride 16, threshold 0.9. */
export const publishedSizes: ElasticSizes = { sinkTokens: 128, localTokens: 2048, blockSize: 128, stride: 16, threshold: 0.9 };

/** Whether a config carries elastic keys at all. */
export function hasElasticKeys(config: ModelConfig): boolean {
  return config.has("toggle_type") || config.has("retrieval_mode");
}

/** XAttention threshold that the published elastic checkpoints are evaluated with; their configs do not carry it. */
const publishedEvaluationThreshold = 0.8;

/** Sizes from the elastic keys; the class defaults (128, 1024) where a key is absent. */
export function elasticSizes(config: ModelConfig): ElasticSizes {
  return {
    sinkTokens: config.count("sink_size", 128),
    localTokens: config.count("local_window_size", 1024),
    blockSize: config.count("block_size", 128),
    stride: config.count("xattn_stride", publishedSizes.stride),
    threshold: config.number(
      "xattn_threshold",
      config.architecture.startsWith("Paw") ? publishedEvaluationThreshold : publishedSizes.threshold,
    ),
  };
}

/** @throws ModelConfigError for combinations that cannot run, naming the key. */
export function parseElastic(config: ModelConfig): ElasticSpec | undefined {
  if (!hasElasticKeys(config)) return undefined;
  const sizes = elasticSizes(config);
  const modes = elasticModeSettings(sizes);
  const retrieval = config.choice("retrieval_mode", ["full", "xattn"], "full");
  const toggle = config.choice("toggle_type", ["streaming", "xattn"], "streaming");
  if (config.has("pooling_mode")) config.choice("pooling_mode", ["ctx_q"]);
  return {
    retrievalMode: retrieval === "full" ? modes.full : modes.xattention,
    sparseMode: toggle === "streaming" ? modes.streaming : modes.xattention,
  };
}

/**
 * What the routers average: the first and last 100 tokens as published, or what `router_pooling_tokens` says (a number,
 * or 0 for all tokens). The key is ours; published configs do not carry it.
 */
export function parseRouterPooling(config: ModelConfig): RouterPooling {
  if (!config.has("router_pooling_tokens")) return { kind: "boundary", tokens: 100 };
  const tokens = config.number("router_pooling_tokens");
  if (tokens === 0) return { kind: "mean" };
  return { kind: "boundary", tokens: config.count("router_pooling_tokens") };
}

/** The three modes at given sizes. */
export function elasticModeSettings(sizes: ElasticSizes) {
  const { sinkTokens, localTokens, blockSize, stride, threshold } = sizes;
  return {
    full: { kind: "full" },
    streaming: { kind: "streaming", sinkTokens, localTokens, blockSize },
    xattention: { kind: "xattention", stride, threshold, blockSize },
  } as const satisfies Record<string, AttentionMode>;
}

/** Retrieval and sparse mode of a named pair. */
export function elasticModes(name: ElasticModeName, sizes: ElasticSizes): ElasticSpec {
  const modes = elasticModeSettings(sizes);
  switch (name) {
    case "full":
      return { retrievalMode: modes.full, sparseMode: modes.full };
    case "fa-ssa":
      return { retrievalMode: modes.full, sparseMode: modes.streaming };
    case "fa-xa":
      return { retrievalMode: modes.full, sparseMode: modes.xattention };
    case "xa-ssa":
      return { retrievalMode: modes.xattention, sparseMode: modes.streaming };
  }
}
