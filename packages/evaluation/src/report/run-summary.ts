import type { RunEnvironment, RunSettings } from "../run/run-settings.js";
import type { SuiteSummary } from "../suite.js";
import type { FrontierPoint } from "./summarize-frontier.js";

/** Everything a report shows, as data: summary.json. */
export interface RunSummary {
  readonly settings: RunSettings;
  readonly environment: RunEnvironment;
  readonly records: number;
  readonly suites: readonly SuiteReport[];
}

export interface SuiteReport {
  readonly name: string;
  readonly description: string;
  readonly scoreUnit: "share" | "nats";
  /** Different prompts. */
  readonly samples: number;
  /** Prompts whose middle was cut out. */
  readonly truncated: number;
  /** The variants that were asked for by name, in their order. */
  readonly results: readonly VariantResult[];
  /** Points of the sparsity dial, and full attention on the same samples. */
  readonly retained: readonly RetainedScore[];
  readonly speed: readonly SpeedRow[];
  /** What each variant costs and gives, where records say what was read. */
  readonly frontier: readonly FrontierPoint[];
  /** How often each head was sparse, by variant. */
  readonly headMaps: readonly HeadMapSummary[];
  /** Scores by depth and length, where samples have a depth. */
  readonly depths: readonly DepthGrid[];
  /** Nats per token by position, of likelihood tasks. */
  readonly positions: readonly PositionCurve[];
  /** Some answers that scored least, for people who want to know what went wrong. */
  readonly misses: readonly Miss[];
}

export interface VariantResult {
  readonly variant: string;
  readonly score: SuiteSummary;
  /** MSR and ESR, averaged as the score is. */
  readonly modelSparsity: SuiteSummary;
  readonly effectiveSparsity: SuiteSummary;
}

export interface RetainedScore {
  readonly mode: string;
  /** Where the dial stood. */
  readonly target: number;
  /** MSR that came of it. */
  readonly modelSparsity: number;
  readonly samples: number;
  readonly score: number;
  /** Score with full attention on the same samples, and the share of it that is left. */
  readonly fullScore: number;
  readonly retained: number;
}

/** Means over the samples of one length. */
export interface SpeedRow {
  readonly variant: string;
  readonly lengthBucket: string;
  readonly samples: number;
  readonly promptTokens: number;
  readonly prefillSeconds: number;
  /** All new tokens but each answer's first, by all decode seconds; 0 when nothing was decoded. */
  readonly decodeTokensPerSecond: number;
  readonly keyValueBytes: number;
  readonly fullKeyValueBytes: number;
  readonly peakBytes: number;
}

export interface HeadMapSummary {
  readonly variant: string;
  readonly modes: readonly string[];
  /** [layer][kvHead]: share of prompts with the head in another than the retrieval mode. */
  readonly sparse: readonly (readonly number[])[];
  /** The same by task, averaged over the heads of a layer: [layer]. */
  readonly tasks: readonly { readonly task: string; readonly layers: readonly number[] }[];
}

export interface DepthGrid {
  readonly variant: string;
  readonly lengths: readonly string[];
  readonly depths: readonly number[];
  /** [depth][length]; null where there is no sample. */
  readonly scores: readonly (readonly (number | null)[])[];
}

export interface PositionCurve {
  readonly variant: string;
  readonly ranges: readonly { readonly start: number; readonly end: number; readonly tokens: number; readonly score: number }[];
}

export interface Miss {
  readonly variant: string;
  readonly id: string;
  readonly score: number;
  readonly output: string;
  readonly references: readonly string[];
}
