import { InvalidOptionError } from "@elastic-attention/core";
import type { ModelOptions } from "../options/model-options.js";
import type { RoutingOptions } from "../options/routing-options.js";
import { chosenRouter } from "./request-settings.js";

/** What options say of the backend to start. @throws InvalidOptionError for a level with another backend than cpu */
export function backendSettings({ backend, threads, cpuLevel }: Pick<ModelOptions, "backend" | "threads" | "cpuLevel">) {
  if (cpuLevel !== undefined && backend !== "cpu") {
    throw new InvalidOptionError(`--cpu-level is about the cpu backend, but --backend is ${backend}.`, "--cpu-level", "Leave one of them out.");
  }
  return {
    ...(threads === undefined ? {} : { threads }),
    ...(cpuLevel === undefined ? {} : { instructionSet: cpuLevel }),
  };
}

/** What options say of the model to load and where it computes, as engines take it. @throws InvalidOptionError as above */
export function loadSettings(options: ModelOptions & Pick<RoutingOptions, "heads" | "router">) {
  const { backend, dtype, weights, cacheType, memoryLimit, heads } = options;
  const { file: routers } = chosenRouter(options);
  return {
    backend,
    ...backendSettings(options),
    ...(dtype === undefined ? {} : { dtype }),
    ...(weights === undefined ? {} : { weights }),
    ...(cacheType === undefined ? {} : { cacheType }),
    ...(memoryLimit === undefined ? {} : { memoryLimitBytes: memoryLimit }),
    ...(heads === undefined ? {} : { headList: heads }),
    ...(routers === undefined ? {} : { routers }),
  };
}
