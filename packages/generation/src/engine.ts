import type { FloatDType } from "@elastic-attention/tensor";
import type { GenerationDefaults } from "./defaults/generation-defaults.js";
import type { GenerationEvent, GenerationRequest } from "./request/generation-request.js";
import type { PrefixCacheReport } from "./prefix/prefix-cache.js";
import type { RouterKind } from "./request/router-choice.js";
import type { SchedulerReport } from "./schedule/step-counters.js";

/** Facts about the loaded model that callers need before they send a request. */
export interface ModelDescription {
  readonly name: string;
  readonly architecture: string;
  readonly parameters: number;
  readonly contextLength: number;
  readonly numLayers: number;
  readonly numQueryHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  readonly vocabularySize: number;
  /** What is computed in. */
  readonly dtype: FloatDType;
  /** Formats that its matrices are kept in: "bf16", "Q4_1, Q8_0". */
  readonly weights: string;
  readonly backend: string;
  readonly hasChatTemplate: boolean;
  /** Whether its chat template can be told to think or not: `chatTemplate: { thinking }`. */
  readonly hasThinkingSwitch: boolean;
  /** What a request's settings are where it says nothing: generation_config.json of its folder. */
  readonly defaults: GenerationDefaults;
  /** What `mode` of a request may name. */
  readonly modes: readonly string[];
  /** The sliding window of each layer in tokens; null where a layer sees the whole context. */
  readonly windows: readonly (number | null)[];
  readonly router: RouterKind;
  /** The same in words, with the file it came from and what it leaves unused. */
  readonly routerDescription: string;
  readonly loadSeconds: number;
  /** What a user should know of the model's files, in sentences: keys that are not known, tensors that are not used. */
  readonly notes: readonly string[];
}

/** What an engine is doing and holding. */
export interface EngineReport extends SchedulerReport {
  /** Sessions between two turns, and the bytes of their keys and values. */
  readonly idleSessions: number;
  readonly idleSessionBytes: number;
  /** Share of the memory that the weights leave which holds keys and values of requests and sessions, 0 to 1; cached prefixes that nobody uses do not count. */
  readonly keyValueUsage: number;
  /** Prefixes that new prompts can go on from. */
  readonly prefixCache: PrefixCacheReport;
}

/**
 * Runs requests against one loaded model. `LocalEngine` computes in the calling thread; `WorkerEngine` is the same
 * engine in a worker thread, so that a server or a terminal stays responsive.
 */
export interface Engine extends AsyncDisposable {
  readonly model: ModelDescription;
  /**
   * Starts when iterated; abort with `request.signal` or by leaving the loop: memory is back within one step. An abort
   * ends with a "finish" event of reason "aborted"; every other failure is thrown.
   *
   * A request that lacks memory waits, and one that was begun may be computed again; its text stays the same.
   *
   * @throws InvalidRequestError before anything is computed, OutOfMemoryError for what does not fit even alone, DeviceError,
   *   TokenizerError, NoFiniteLogitError, DisposedError
   */
  generate(request: GenerationRequest): AsyncIterable<GenerationEvent>;
  /** Forgets a session and frees its cache; does nothing while one of its turns runs, or when there is none. */
  closeSession(name: string): Promise<void>;
  /**
   * Writes what a session's turns left to a file of a folder, which is made where there is none: whole or not at all. The session
   * stays.
   *
   * @throws InvalidRequestError for a session that is not there or that is answering; FileWriteError
   */
  saveSession(name: string, folder: string): Promise<void>;
  /**
   * Reads a session that {@link saveSession} wrote: its next turn goes on as if it had never been away. It takes the place of
   * a session of that name.
   *
   * @throws SavedSessionError for a file that is missing, damaged or of another model; InvalidRequestError while a turn of
   *   the session runs; OutOfMemoryError
   */
  restoreSession(name: string, folder: string): Promise<void>;
  /** Forgets every cached prefix, pinned ones too; running requests keep what they share. */
  clearPrefixCache(): Promise<void>;
  /** What the engine is doing and holding now. @throws DisposedError, as all of these do after disposal */
  report(): Promise<EngineReport>;
  /** Token ids of a text, or of a conversation with the model's template. */
  tokenize(input: Pick<GenerationRequest, "prompt" | "messages" | "chatTemplate">): Promise<Int32Array>;
  /** A conversation as the model reads it, its template applied. @throws InvalidRequestError */
  render(input: Required<Pick<GenerationRequest, "messages">> & Pick<GenerationRequest, "chatTemplate">): Promise<string>;
  /** The text of each token, special tokens as they are written; see `tokenTexts`. */
  pieces(tokens: Int32Array): Promise<readonly string[]>;
  /** The text of token ids, special tokens as they are written. */
  detokenize(tokens: Int32Array): Promise<string>;
}
