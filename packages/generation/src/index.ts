export { EngineWorkerError, InvalidRequestError, TokenConstraintError, TokenizerError } from "@elastic-attention/core";
export { type ConvertedModel, convertModel, type ConvertModelOptions } from "./conversion/convert-model.js";
export * from "./defaults/generation-defaults.js";
export * from "./engine.js";
export * from "./follow-engine.js";
export * from "./engine-settings.js";
export * from "./find-model.js";
export * from "./local-engine.js";
export * from "./recording/request-recorder.js";
export * from "./recording/request-recording.js";
export * from "./recording/token-texts.js";
export * from "./request/generation-request.js";
export type { GenerationSettings, SettingOrigin } from "./request/generation-settings.js";
export * from "./request/read-prompt.js";
export * from "./request/request-routing.js";
export * from "./request/router-choice.js";
export type { LogitBias } from "./sampling/logit-bias.js";
export * from "./sampling/random-stream.js";
export {
  type ConstraintRequest,
  registerTokenConstraint,
  type TokenConstraint,
  type TokenConstraintContext,
  type TokenConstraintFactory,
  tokenConstraintNames,
} from "./sampling/token-constraint.js";
export type { SchedulerReport } from "./schedule/step-counters.js";
export * from "./text/detokenizer.js";
export * from "./text/stop-filter.js";
export * from "./tokenizer/chat-template.js";
export * from "./tokenizer/tokenizer.js";
export * from "./tokenizer/tokenizer-files.js";
export type { WorkerSettings } from "./worker/engine-messages.js";
export * from "./worker/worker-engine.js";
