import type { CacheType } from "@elastic-attention/attention";
import type { ErrorRecord } from "@elastic-attention/core";
import type { RankSettings } from "@elastic-attention/tensor";
import type { WeightChoice } from "@elastic-attention/transformer";
import type { EngineReport, ModelDescription } from "../engine.js";
import type { EngineSettings } from "../engine-settings.js";
import type { RoutingWish } from "../request/request-routing.js";
import type { GenerationEvent, GenerationRequest } from "../request/generation-request.js";

/** What a worker needs to load its engine: only data that can be copied between threads. */
export interface WorkerSettings extends EngineSettings {
  /** Modules to import first; each default export is called: it registers backends, models, modes. */
  readonly setup: readonly string[];
  readonly path: string;
  readonly name?: string;
  readonly backend: string;
  readonly dtype?: "f32" | "bf16" | "f16";
  readonly weights?: WeightChoice | "automatic";
  readonly cacheType?: CacheType;
  readonly threads?: number;
  readonly instructionSet?: string;
  /** See `LocalEngineOptions`. */
  readonly ranks?: RankSettings;
  readonly headList?: string;
  readonly routers?: string;
  /** See `LocalEngineOptions`. */
  readonly routing?: Omit<RoutingWish, "router"> & { readonly router?: string };
}

/** A request without what cannot leave the thread. */
export type WorkerRequest = Omit<GenerationRequest, "signal" | "router" | "onAccepted"> & { readonly router?: string };

/** Events of a request that are sent before any of them was read. */
export const mostSentEvents = 32;

/** Messages to the worker. `id` names the call they belong to. */
export type ToWorker =
  | { readonly type: "generate"; readonly id: number; readonly request: WorkerRequest }
  /** So many events more have been read. */
  | { readonly type: "read"; readonly id: number; readonly events: number }
  | { readonly type: "abort"; readonly id: number }
  | Question
  | { readonly type: "dispose" };

/** What has one answer: a message of its own, or "end". */
export type Question =
  | { readonly type: "tokenize"; readonly id: number; readonly input: Pick<GenerationRequest, "prompt" | "messages" | "chatTemplate"> }
  | { readonly type: "render"; readonly id: number; readonly input: Required<Pick<GenerationRequest, "messages">> & Pick<GenerationRequest, "chatTemplate"> }
  | { readonly type: "pieces" | "detokenize"; readonly id: number; readonly tokens: Int32Array }
  | { readonly type: "close-session"; readonly id: number; readonly name: string }
  | { readonly type: "save-session" | "restore-session"; readonly id: number; readonly name: string; readonly folder: string }
  | { readonly type: "clear-prefix-cache"; readonly id: number }
  | { readonly type: "report"; readonly id: number };

/** Messages from the worker that belong to a call. */
export type CallMessage =
  | { readonly type: "accepted"; readonly id: number; readonly promptTokens: number }
  | { readonly type: "event"; readonly id: number; readonly event: GenerationEvent }
  | { readonly type: "tokens"; readonly id: number; readonly tokens: Int32Array }
  | { readonly type: "text"; readonly id: number; readonly text: string }
  | { readonly type: "pieces"; readonly id: number; readonly pieces: readonly string[] }
  | { readonly type: "report"; readonly id: number; readonly report: EngineReport }
  | { readonly type: "end"; readonly id: number; readonly error?: ErrorRecord };

/** Messages from the worker. */
export type FromWorker =
  | { readonly type: "progress"; readonly layersDone: number; readonly layersTotal: number }
  | { readonly type: "loaded"; readonly model: ModelDescription }
  | { readonly type: "failed"; readonly error: ErrorRecord }
  /** What there was to say at once, in order. */
  | { readonly type: "calls"; readonly messages: readonly CallMessage[] };
