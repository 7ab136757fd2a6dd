import { checkUnreadKeys } from "./config-keys.js";
import { elasticSizes, parseRouterPooling } from "./elastic-spec.js";
import { findModelAdapter, type ModelAdapter } from "./model-adapter.js";
import type { ModelConfig } from "./model-config.js";
import type { ModelSpec } from "./model-spec.js";
import { readQuantisation } from "./quantisation-scheme.js";
import { refuseQuantisation } from "./quantised-checkpoints.js";

/** What a config.json says, by the adapter that reads it. */
export interface InterpretedConfig {
  readonly adapter: ModelAdapter;
  readonly spec: ModelSpec;
  /** Keys that nobody here knows, which may matter or not: "rope_scaling.new_key". */
  readonly unknownKeys: readonly string[];
}

/**
 * Reads a config whole: what its adapter does not read is known to be inert, refused by name, or listed as unknown.
 * @param adapter default: the one registered for its architecture
 * @throws ModelConfigError, UnsupportedWeightFormatError
 */
export function interpretConfig(config: ModelConfig, adapter: ModelAdapter = findModelAdapter(config)): InterpretedConfig {
  const spec = adapter.spec(config);
  // Read wherever routers are looked for, whatever the adapter.
  elasticSizes(config);
  parseRouterPooling(config);
  if (readQuantisation(config) === undefined) refuseQuantisation(config);
  else config.disregard("quantization_config");
  return { adapter, spec, unknownKeys: checkUnreadKeys(config) };
}
