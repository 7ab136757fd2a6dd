import type { ModelDescription } from "../engine.js";
import type { GenerationEvent, GenerationRequest, RoutingReport } from "../request/generation-request.js";

/**
 * One request as it ran, as plain data: what the inspector draws, live or from a file. Anything that can be written as JSON
 * and read back is the same recording.
 */
export interface RequestRecording {
  readonly format: "elastic-attention-recording";
  readonly version: 1;
  readonly model: RecordedModel;
  readonly request: RecordedRequest;
  /** The text of each prompt token, where the recorder was given it. */
  readonly promptPieces?: readonly string[];
  /** In the order they came; the last is "finish" or "error" once the request has ended. */
  readonly events: readonly RecordedEvent[];
}

/** What a reader needs to know of the model. */
export type RecordedModel = Pick<
  ModelDescription,
  "name" | "architecture" | "contextLength" | "numLayers" | "numQueryHeads" | "numKeyValueHeads" | "headDim" | "dtype" | "backend" | "routerDescription"
>;

/** What was asked for; what is absent was left to the model. The prompt is not among it. */
export interface RecordedRequest {
  readonly mode?: string;
  readonly sparsity?: number;
  readonly decode?: "routed" | "full";
  readonly maxNewTokens?: number;
}

type Event<Type extends GenerationEvent["type"]> = Extract<GenerationEvent, { type: Type }>;

/** An event of the prompt or of the first answer, and the seconds from the request's beginning until it came. */
export type RecordedEvent = { readonly at: number } & (
  | Event<"progress">
  | Pick<Event<"token">, "type" | "id" | "text">
  | { readonly type: "finish"; readonly reason: Event<"finish">["reason"]; readonly report: RoutingReport }
  | { readonly type: "error"; readonly name: string; readonly message: string }
);

export function recordedModel(model: ModelDescription): RecordedModel {
  const { name, architecture, contextLength, numLayers, numQueryHeads, numKeyValueHeads, headDim, dtype, backend, routerDescription } = model;
  return { name, architecture, contextLength, numLayers, numQueryHeads, numKeyValueHeads, headDim, dtype, backend, routerDescription };
}

export function recordedRequest({ mode, sparsity, decode, maxNewTokens }: GenerationRequest): RecordedRequest {
  return {
    ...(mode === undefined ? {} : { mode }),
    ...(sparsity === undefined ? {} : { sparsity }),
    ...(decode === undefined ? {} : { decode }),
    ...(maxNewTokens === undefined ? {} : { maxNewTokens }),
  };
}
