import { InvalidModeError, nearestName } from "@elastic-attention/core";
import { type AttentionMode, expectKnownSettings, type ModeSizes, type NamedAttentionMode, namedAttentionModes, parseModeName, promptParts, registeredAttentionModes, validateMode } from "@elastic-attention/attention";
import type { RouterPooling } from "@elastic-attention/router";
import type { ModelConfig } from "./model-config.js";

/** The elastic keys of a published checkpoint (reference semantics 2.1), with the class defaults where absent. */
export interface ElasticSpec {
  /** Mode of heads that the router sends to retrieval. */
  readonly retrievalMode: AttentionMode;
  /** Mode of the other heads. */
  readonly sparseMode: AttentionMode;
}

/**
 * Name of a retrieval and a sparse mode by their labels, as the paper writes it: "fa-ssa". With a mode "dilated" that a user
 * registered under the label DA also "fa-da", "da-ssa" and, for FA with it, "dilated". Settings may follow:
 * "fa-pages:budget=512:page=32"; "dense" says how many last rows of a prompt read everything, in any mode.
 */
export type ElasticModeName = "full" | "fa-ssa" | "fa-xa" | "xa-ssa" | (string & {});

/** Sizes of the sparse modes, in tokens. */
export type ElasticSizes = Omit<ModeSizes, "settings">;

/** The published sizes: 1 sink and 16 local blocks of 128, XAttention stride 16, threshold 0.9. */
export const publishedSizes: ElasticSizes = { sinkTokens: 128, localTokens: 2048, blockSize: 128, stride: 16, threshold: 0.9 };

/** Whether a config carries elastic keys at all. */
export function hasElasticKeys(config: ModelConfig): boolean {
  return config.has("toggle_type") || config.has("retrieval_mode") || config.has("elastic_modes");
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
  // Read with the other keys, so that a wrong value is told with theirs.
  parseRouterPooling(config);
  if (config.has("elastic_modes")) return parseModePair(config);
  return {
    retrievalMode: retrieval === "full" ? modes.full : modes.xattention,
    sparseMode: toggle === "streaming" ? modes.streaming : modes.xattention,
  };
}

/** A pair of modes that the published keys have no names for, as plain data. Published configs do not carry it. */
function parseModePair(config: ModelConfig): ElasticSpec {
  const modes = config.value("elastic_modes");
  const isMode = (mode: unknown): mode is AttentionMode => typeof mode === "object" && mode !== null && typeof (mode as Partial<AttentionMode>).kind === "string";
  if (!Array.isArray(modes) || modes.length !== 2 || !modes.every(isMode)) throw config.error("elastic_modes", "a retrieval and a sparse mode, each with its kind");
  try {
    for (const mode of modes) validateMode(mode);
  } catch (error) {
    if (InvalidModeError.isInstance(error)) throw config.error("elastic_modes", `modes that are known: ${error.reason}`);
    throw error;
  }
  return { retrievalMode: modes[0]!, sparseMode: modes[1]! };
}

/**
 * What the routers average: the first and last 100 tokens as published, as many as `pool_size` says (Flux Attention), or
 * what `router_pooling_tokens` says (a number, or 0 for all tokens). The last key is ours; published configs do not carry it.
 */
export function parseRouterPooling(config: ModelConfig): RouterPooling {
  if (!config.has("router_pooling_tokens")) return { kind: "boundary", tokens: config.count("pool_size", 100) };
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

const publishedPairs = ["fa-ssa", "fa-xa", "xa-ssa"] as const;
const publishedKinds = ["full", "streaming", "xattention"];

/** Retrieval and sparse mode of a named pair. @throws InvalidModeError naming the pairs that are known */
export function elasticModes(text: ElasticModeName, sizes: ElasticSizes): ElasticSpec {
  const found = findElasticModes(text, sizes);
  if (found !== undefined) return found;
  const known = elasticModeNames();
  const name = text.split(":", 1)[0]!;
  const nearest = nearestName(name, known);
  throw new InvalidModeError(
    `mode must be one of ${known.join(", ")}, found ${JSON.stringify(name)}.`,
    registeredAttentionModes().includes(name) && !publishedKinds.includes(name)
      ? `"${name}" is registered, but cannot be asked for by name: its definition has no atSizes().`
      : nearest === undefined
        ? undefined
        : `Did you mean "${nearest}"?`,
  );
}

/**
 * Retrieval and sparse mode of a named pair with its settings; undefined for a name that is not known.
 * @throws InvalidModeError for settings that neither mode has, and for values that they do not take
 */
export function findElasticModes(text: ElasticModeName, sizes: ElasticSizes): ElasticSpec | undefined {
  const name = text.split(":", 1)[0]!;
  // What follows a colon belongs to the name of a mode only.
  if (findPair(name, namedAttentionModes(sizes)) === undefined) return undefined;
  const { settings } = parseModeName(text);
  const pair = findPair(name, namedAttentionModes({ ...sizes, settings }))!;
  const isFull = pair.every(({ kind }) => kind === "full");
  expectKnownSettings(name, settings, [...pair.flatMap((mode) => mode.settings), ...(isFull ? [] : ["dense"])]);
  const [retrievalMode, sparseMode] = pair.map(({ mode }) => withDenseRows(mode, settings.dense)) as [AttentionMode, AttentionMode];
  for (const mode of [retrievalMode, sparseMode]) validateMode(mode);
  // What cannot stand together in a prompt is refused before one is read.
  promptParts([retrievalMode, sparseMode], Number.MAX_SAFE_INTEGER, true);
  return { retrievalMode, sparseMode };
}

function findPair(name: string, named: readonly NamedAttentionMode[]): readonly [NamedAttentionMode, NamedAttentionMode] | undefined {
  const full = named.find(({ kind }) => kind === "full")!;
  if (name === "full") return [full, full];
  const registered = named.find(({ kind }) => kind === name && !publishedKinds.includes(kind));
  if (registered !== undefined) return [full, registered];
  for (const retrieval of named) {
    const sparse = named.find(({ label }) => name === `${retrieval.label}-${label}`.toLowerCase());
    if (sparse !== undefined && isPair(name, retrieval.kind, sparse.kind)) return [retrieval, sparse];
  }
  return undefined;
}

/** FA reads everything anyway. */
function withDenseRows(mode: AttentionMode, denseRows: number | undefined): AttentionMode {
  return denseRows === undefined || mode.kind === "full" ? mode : { ...mode, denseRows };
}

/** Of the published modes the published pairs; a registered mode may stand beside any other, and FA is never the sparse one. */
function isPair(name: string, retrieval: string, sparse: string): boolean {
  if (publishedPairs.some((pair) => pair === name)) return true;
  return retrieval !== sparse && sparse !== "full" && [retrieval, sparse].some((kind) => !publishedKinds.includes(kind));
}

/** Names of mode pairs to choose from: the published ones, and FA with each registered mode. */
export function elasticModeNames(): readonly string[] {
  const registered = namedAttentionModes(publishedSizes).filter(({ kind }) => !publishedKinds.includes(kind));
  return [...publishedPairs, "full", ...registered.flatMap(({ kind, label }) => [kind, `fa-${label.toLowerCase()}`])];
}
