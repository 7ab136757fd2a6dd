import type { ErrorRecord } from "@elastic-attention/core";
import type { GenerationEvent, GenerationRequest } from "../generation-request.js";
import type { EngineReport, ModelDescription } from "../engine.js";

/** What a worker needs to load its engine: only data that can be copied between threads. */
export interface WorkerSettings {
  /** Modules to import first; each default export is called: it registers backends, models, modes. */
  readonly setup: readonly string[];
  readonly path: string;
  readonly name?: string;
  readonly backend: string;
  readonly dtype?: "f32" | "bf16" | "f16";
  readonly threads?: number;
  readonly headList?: string;
  readonly maximumBatch?: number;
  readonly prefillBudgetMilliseconds?: number;
  readonly maximumSessions?: number;
  readonly routers?: string;
}

/** A request without what cannot leave the thread. */
export type WorkerRequest = Omit<GenerationRequest, "signal" | "router"> & { readonly router?: string };

/** Messages to the worker. `id` names the call they belong to. */
export type ToWorker =
  | { readonly type: "generate"; readonly id: number; readonly request: WorkerRequest }
  | { readonly type: "tokenize"; readonly id: number; readonly input: Pick<GenerationRequest, "prompt" | "messages" | "chatTemplate"> }
  | { readonly type: "abort"; readonly id: number }
  | { readonly type: "close-session"; readonly id: number; readonly name: string }
  | { readonly type: "report"; readonly id: number }
  | { readonly type: "dispose" };

/** Messages from the worker. */
export type FromWorker =
  | { readonly type: "progress"; readonly layersDone: number; readonly layersTotal: number }
  | { readonly type: "loaded"; readonly model: ModelDescription }
  | { readonly type: "failed"; readonly error: ErrorRecord }
  | { readonly type: "event"; readonly id: number; readonly event: GenerationEvent }
  | { readonly type: "tokens"; readonly id: number; readonly tokens: Int32Array }
  | { readonly type: "report"; readonly id: number; readonly report: EngineReport }
  | { readonly type: "end"; readonly id: number; readonly error?: ErrorRecord };
