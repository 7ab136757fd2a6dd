import { type Engine, type GenerationEvent, type GenerationRequest, RequestRecorder } from "@elastic-attention/generation";

/** Requests that have ended and can still be looked at. */
const keptRequests = 50;

/** What a list of requests says of one. */
export interface RequestSummary {
  readonly id: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly state: "running" | "finished" | "failed";
  readonly promptTokens: number | undefined;
  readonly newTokens: number;
  readonly modelSparsity: number | undefined;
}

/** A request and what was taken down of it. */
export interface LiveRequest {
  readonly recorder: RequestRecorder;
  readonly summary: RequestSummary;
  /** Answers that are drawn of its prompt; each has its end. */
  readonly answers: number;
}

/** The requests that run and those that ended last, each with what happened in it. */
export class LiveRequests {
  readonly #requests = new Map<string, { readonly recorder: RequestRecorder; summary: RequestSummary; readonly answers: number }>();

  constructor(private readonly engine: Engine) {}

  get(id: string): LiveRequest | undefined {
    return this.#requests.get(id);
  }

  /** The latest first. */
  list(): readonly RequestSummary[] {
    return [...this.#requests.values()].map(({ summary }) => summary).toReversed();
  }

  /** The events of a request as they come, taken down. @param promptPieces the text of each prompt token, where it is to be shown */
  generate(id: string, request: GenerationRequest, promptPieces?: readonly string[]): AsyncIterable<GenerationEvent> {
    const recorder = new RequestRecorder(this.engine.model, request, promptPieces);
    const summary: RequestSummary = { id, created: Math.floor(Date.now() / 1000), state: "running", promptTokens: undefined, newTokens: 0, modelSparsity: undefined };
    const live = { recorder, summary, answers: request.count ?? 1 };
    this.#requests.set(id, live);
    const unwatch = recorder.watch((event) => {
      if (event.type === "progress") live.summary = { ...live.summary, promptTokens: event.promptTokens };
      else if (event.type === "token") live.summary = { ...live.summary, newTokens: live.summary.newTokens + 1 };
      else if (event.type === "finish") live.summary = { ...live.summary, modelSparsity: event.report.modelSparsity };
    });
    return recorder.record(this.engine.generate(request), (isWhole) => {
      unwatch();
      live.summary = { ...live.summary, state: isWhole ? "finished" : "failed" };
      this.#forgetOld();
    });
  }

  /** Those that run stay. */
  #forgetOld(): void {
    const ended = [...this.#requests].filter(([, { summary }]) => summary.state !== "running");
    for (const [id] of ended.slice(0, Math.max(0, ended.length - keptRequests))) this.#requests.delete(id);
  }
}
