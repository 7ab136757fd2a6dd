import type { CacheType } from "@elastic-attention/attention";
import type { Backend, Checkpoint, FloatDType, RankGroup } from "@elastic-attention/tensor";
import type { RandomWeightsOptions } from "./loading/random-weights.js";
import type { WeightPlan } from "./loading/weight-plan.js";
import type { ModelAdapter } from "./model/model-adapter.js";
import type { ModelSpec } from "./model/model-spec.js";
import type { PrefillSettings } from "./prefill/prefill.js";

export interface LoadOptions {
  readonly backend: Backend;
  readonly checkpoint: Checkpoint;
  readonly adapter: ModelAdapter;
  readonly spec: ModelSpec;
  /** Type of activations and cache, and of weights without a plan. */
  readonly dtype: FloatDType;
  /** What matrices are kept in; default: all in `dtype`. */
  readonly plan?: WeightPlan;
  /** What keys and values are kept in; default: `dtype`. */
  readonly cacheType?: CacheType | undefined;
  /** Who has the other shares of the model, where `spec` and `checkpoint` are a rank's. */
  readonly ranks?: RankGroup | undefined;
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  readonly signal?: AbortSignal;
}

export interface RandomModelOptions extends RandomWeightsOptions {
  /** As in {@link LoadOptions}. */
  readonly cacheType?: CacheType | undefined;
  /** As in {@link LoadOptions}. */
  readonly ranks?: RankGroup | undefined;
}

export interface PrefillOptions extends PrefillSettings {
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  readonly signal?: AbortSignal;
}
