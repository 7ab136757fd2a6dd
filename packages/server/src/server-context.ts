import type { Engine } from "@elastic-attention/generation";
import type { AnswerMarkers } from "./answer/answer-markers.js";
import type { ApiKeys } from "./http/api-keys.js";
import type { StreamPace } from "./http/stream-pace.js";
import type { EngineHealth } from "./operation/engine-health.js";
import type { LiveRequests } from "./live/live-requests.js";
import type { ServerMetrics } from "./operation/metrics.js";
import type { RequestGate } from "./operation/request-gate.js";
import type { CheckedServerOptions } from "./server-options.js";

/** What the routes of a server share. */
export interface ServerContext {
  readonly engine: Engine;
  readonly options: CheckedServerOptions;
  /** What clients call the model. */
  readonly modelId: string;
  readonly created: number;
  readonly keys: ApiKeys;
  readonly gate: RequestGate;
  readonly health: EngineHealth;
  readonly metrics: ServerMetrics;
  readonly markers: AnswerMarkers;
  readonly live: LiveRequests;
  /** When streamed answers write. */
  readonly pace: StreamPace;
  /** Whether the server has been told to stop: nothing new is taken. */
  isDraining: boolean;
}
