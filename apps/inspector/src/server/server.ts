import type { RecordedEvent, RequestRecording } from "@elastic-attention/generation";
import { createParser } from "eventsource-parser";

/** What the server says of its model, in /v1/models. */
export interface ServedModel {
  readonly id: string;
  readonly context_length?: number;
  readonly elastic?: { readonly modes?: readonly string[]; readonly router?: string };
}

/** What a person asks for. */
export interface Question {
  readonly model: string;
  readonly prompt: string;
  readonly mode: string | undefined;
  readonly sparsity: number | undefined;
  readonly maxNewTokens: number;
}

/** An answer of the server that is no success, in its own words. */
export class ServerError extends Error {
  override readonly name = "ServerError";

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** The server that this page came from. */
export class Server {
  /** @param apiKey kept in memory only */
  constructor(private readonly apiKey: string = "") {}

  /** @throws ServerError; TypeError where there is no server */
  async models(signal?: AbortSignal): Promise<readonly ServedModel[]> {
    const response = await this.#fetch("v1/models", signal === undefined ? {} : { signal });
    return ((await response.json()) as { data: ServedModel[] }).data;
  }

  /**
   * Asks, and gives the request's events as they come. An abort ends the request on the server too.
   * @param onRecording called once with the model, the request and the prompt's pieces
   */
  async ask(question: Question, signal: AbortSignal, onRecording: (recording: RequestRecording) => void, onEvent: (event: RecordedEvent) => void): Promise<void> {
    const id = crypto.randomUUID();
    const answer = await this.#fetch("v1/chat/completions", {
      method: "POST",
      signal,
      headers: { "content-type": "application/json", "x-request-id": id },
      body: JSON.stringify({
        model: question.model,
        messages: [{ role: "user", content: question.prompt }],
        max_tokens: question.maxNewTokens,
        stream: true,
        elastic: {
          record: true,
          ...(question.mode === undefined ? {} : { mode: question.mode }),
          ...(question.sparsity === undefined ? {} : { sparsity: question.sparsity }),
        },
      }),
    });
    // The answer's own stream is read to its end, so that the server does not wait for this reader.
    const drained = drain(answer, signal);
    const path = `v1/elastic/requests/${encodeURIComponent(answer.headers.get("x-request-id") ?? id)}`;
    const recording = (await (await this.#fetch(path, { signal })).json()) as RequestRecording;
    onRecording({ ...recording, events: [] });
    const events = await this.#fetch(`${path}/events`, { signal });
    await readEvents(events, (data) => onEvent(JSON.parse(data) as RecordedEvent));
    await drained;
  }

  async #fetch(path: string, options: RequestInit): Promise<Response> {
    const headers = new Headers(options.headers);
    if (this.apiKey !== "") headers.set("authorization", `Bearer ${this.apiKey}`);
    const response = await fetch(new URL(path, document.baseURI), { ...options, headers });
    if (!response.ok) throw new ServerError(response.status, await errorText(response));
    return response;
  }
}

async function errorText(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error?: { message?: string } };
    if (error?.message !== undefined) return error.message;
  } catch {
    // Not JSON: a proxy's page, say.
  }
  return `The server answered ${response.status} ${response.statusText}.`;
}

async function readEvents(response: Response, onData: (data: string) => void): Promise<void> {
  const parser = createParser({ onEvent: ({ data }) => onData(data) });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parser.feed(value);
  }
}

async function drain(response: Response, signal: AbortSignal): Promise<void> {
  const reader = response.body!.getReader();
  try {
    while (!(await reader.read()).done);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
