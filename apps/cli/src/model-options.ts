import { demoModelDirectory, demoModelInformation } from "@elastic-attention/demo-model";
import { type GenerationRequest, type ModeName, WorkerEngine } from "@elastic-attention/generation";
import { Progress } from "./terminal/progress.js";

/** Options of every command that loads a model. */
export interface ModelOptions {
  readonly model?: string;
  readonly backend: string;
  readonly dtype?: "f32" | "bf16";
  readonly threads?: number;
  readonly json?: boolean;
}

/** Options of every command that routes heads. */
export interface RoutingOptions {
  readonly mode?: ModeName;
  readonly sparsity?: number;
  readonly heads?: string;
  readonly router?: string;
}

/** Options of every command that writes text. */
export interface GenerationOptions {
  readonly maxNewTokens?: number;
  readonly decode: "routed" | "full";
  readonly temperature: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
}

/** The model that was asked for, fetched where it has to be. @throws the errors of `findModel` */
export async function namedModel(options: Pick<ModelOptions, "model" | "backend" | "json">, signal: AbortSignal): Promise<{ readonly path: string; readonly name: string }> {
  const { model, backend, json } = options;
  if (model === undefined) return { path: demoModelDirectory(), name: demoModelInformation.name };
  // The hub's client is large, and not needed for the demo model.
  const { findModel } = await import("./models/find-model.js");
  return findModel(model, { backend, signal, ...(json === undefined ? {} : { quiet: json }) });
}

/** Loads the model in a worker thread, with progress on standard error. @throws the errors of `namedModel` and `WorkerEngine.load` */
export async function openEngine(options: ModelOptions & RoutingOptions, signal: AbortSignal): Promise<WorkerEngine> {
  const { path, name } = await namedModel(options, signal);
  using progress = new Progress("Loading");
  return WorkerEngine.load({
    setup: [new URL("./register-packages.js", import.meta.url).href],
    path,
    name,
    backend: options.backend,
    ...(options.dtype === undefined ? {} : { dtype: options.dtype }),
    ...(options.threads === undefined ? {} : { threads: options.threads }),
    ...(options.heads === undefined ? {} : { headList: options.heads }),
    ...(options.router === undefined ? {} : { routers: options.router }),
    signal,
    onProgress: (done, total) => progress.update(done, total),
  });
}

/** The part of a request that options decide. */
export function requestSettings(options: RoutingOptions & GenerationOptions): GenerationRequest {
  const { mode, sparsity, decode, maxNewTokens, stop, temperature, topK, topP, minP, repetitionPenalty, seed } = options;
  return {
    decode,
    ...(mode === undefined ? {} : { mode }),
    ...(sparsity === undefined ? {} : { sparsity }),
    ...(maxNewTokens === undefined ? {} : { maxNewTokens }),
    ...(stop === undefined ? {} : { stop }),
    sampling: {
      temperature,
      ...(topK === undefined ? {} : { topK }),
      ...(topP === undefined ? {} : { topP }),
      ...(minP === undefined ? {} : { minP }),
      ...(repetitionPenalty === undefined ? {} : { repetitionPenalty }),
      ...(seed === undefined ? {} : { seed }),
    },
  };
}
