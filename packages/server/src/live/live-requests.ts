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
  /** Resolves when nothing more will be taken down. */
  readonly ended: Promise<void>;
}

/** Whose request it is, and what it is called. */
export interface RequestName {
  readonly id: string;
  /** Whose key it brought; empty where there are no keys. */
  readonly owner: string;
}

/** The requests that run and those that ended last, each with what happened in it. Who has another key does not see them. */
export class LiveRequests {
  readonly #requests = new Map<string, { readonly owner: string; readonly recorder: RequestRecorder; summary: RequestSummary; readonly ended: Promise<void> }>();

  constructor(private readonly engine: Engine) {}

  /** Whether a request of this name is known, whoever asked. */
  has(id: string): boolean {
    return this.#requests.has(id);
  }

  get({ id, owner }: RequestName): LiveRequest | undefined {
    const found = this.#requests.get(id);
    return found?.owner === owner ? found : undefined;
  }

  /** Those of one owner, the latest first. */
  list(owner: string): readonly RequestSummary[] {
    return [...this.#requests.values()].flatMap((request) => (request.owner === owner ? [request.summary] : [])).toReversed();
  }

  /** The events of a request as they come, taken down. @param promptPieces the text of each prompt token, where it is to be shown */
  generate({ id, owner }: RequestName, request: GenerationRequest, promptPieces?: readonly string[]): AsyncIterable<GenerationEvent> {
    const recorder = new RequestRecorder(this.engine.model, request, promptPieces);
    const summary: RequestSummary = { id, created: Math.floor(Date.now() / 1000), state: "running", promptTokens: undefined, newTokens: 0, modelSparsity: undefined };
    let end!: () => void;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const live = { owner, recorder, summary, ended };
    this.#requests.set(id, live);
    const unwatch = recorder.watch((event) => {
      if (event.type === "progress") live.summary = { ...live.summary, promptTokens: event.promptTokens };
      else if (event.type === "token") live.summary = { ...live.summary, newTokens: live.summary.newTokens + 1 };
      else if (event.type === "finish") live.summary = { ...live.summary, modelSparsity: event.report.modelSparsity };
    });
    return recorder.record(this.engine.generate(request), (isWhole) => {
      unwatch();
      live.summary = { ...live.summary, state: isWhole ? "finished" : "failed" };
      end();
      this.#forgetOld();
    });
  }

  /** Those that run stay. */
  #forgetOld(): void {
    const ended = [...this.#requests].filter(([, { summary }]) => summary.state !== "running");
    for (const [id] of ended.slice(0, Math.max(0, ended.length - keptRequests))) this.#requests.delete(id);
  }
}
