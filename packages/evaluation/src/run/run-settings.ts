import type { Variant } from "../baselines/variant.js";
import type { ChatFormat } from "../suite.js";

/** Everything that decides what a run's records say; two runs of equal settings are one. */
export interface RunSettings {
  readonly suites: readonly SuiteSettings[];
  readonly model: string;
  /** Of config, tokenizer, head list and weights: see `hashModel`. */
  readonly modelHash: string;
  readonly dtype: string;
  readonly backend: string;
  readonly variants: readonly Variant[];
  /** SHA-256 of the files of variants `list:FILE`, in their order. */
  readonly headListHashes: readonly string[];
  /** SHA-256 of the file of trained routers that was given instead of the model's own. */
  readonly routersHash?: string;
  /** Name of the registered router that decided. */
  readonly router?: string;
  /** Sizes of the sparse modes, as the model's config gives them. */
  readonly modeSizes: Readonly<Record<string, number>>;
  /** Samples of each task and length that the sweep is run on; default all. */
  readonly sweepSamples?: number;
  readonly seed: number;
  readonly chatFormat: ChatFormat;
  readonly strict: boolean;
  readonly chainOfThought: boolean;
  readonly decode: "routed" | "full";
  /** Of this package: a later one may make other prompts. */
  readonly version: string;
}

/** One suite of a run; lengths and samples are the suite's own where they are not given. */
export interface SuiteSettings {
  readonly name: string;
  readonly tasks: readonly string[];
  readonly lengths?: readonly number[];
  readonly samplesPerTask?: number;
  readonly data?: string;
}

/** Where and how a run was started; shown in its report, never compared. */
export interface RunEnvironment {
  readonly startedAt: string;
  readonly device: string;
  readonly node: string;
  readonly platform: string;
  readonly processor: string;
  readonly cores: number;
  readonly ranks: number;
  /** Samples that were answered together at most; absent in folders of older runs. */
  readonly batch?: number;
  readonly communicator: string;
  readonly parameters: number;
  readonly architecture: string;
  readonly contextLength: number;
  readonly router: string;
  /** The file of trained routers that was given. */
  readonly routersFile?: string;
  readonly numLayers: number;
  readonly numKeyValueHeads: number;
  /** The command that repeats it. */
  readonly command?: string;
}

/** Content of run.json. */
export interface RunDescription {
  readonly settings: RunSettings;
  readonly environment: RunEnvironment;
}
