import type { Backend, Checkpoint, FloatDType, RankGroup } from "@elastic-attention/tensor";
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
  /** Who has the other shares of the model, where `spec` and `checkpoint` are a rank's. */
  readonly ranks?: RankGroup | undefined;
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  readonly signal?: AbortSignal;
}

export interface RandomModelOptions {
  readonly backend: Backend;
  readonly spec: ModelSpec;
  /** As in {@link LoadOptions}. */
  readonly ranks?: RankGroup | undefined;
  readonly dtype: FloatDType;
  /** Default 1. */
  readonly seed?: number;
}

export interface PrefillOptions extends PrefillSettings {
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  readonly signal?: AbortSignal;
}
