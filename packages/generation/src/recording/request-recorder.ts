import type { ModelDescription } from "../engine.js";
import type { GenerationEvent, GenerationRequest } from "../request/generation-request.js";
import { recordedModel, recordedRequest, type RecordedEvent, type RequestRecording } from "./request-recording.js";

/** Takes down a request while somebody else reads its events. */
export class RequestRecorder {
  readonly #begun = performance.now();
  readonly #events: RecordedEvent[] = [];
  readonly #watchers = new Set<(event: RecordedEvent) => void>();

  /** @param promptPieces the text of each prompt token, for readers that show the prompt */
  constructor(
    private readonly model: ModelDescription,
    private readonly request: GenerationRequest,
    private readonly promptPieces?: readonly string[],
  ) {}

  /** What has been taken down so far. */
  get recording(): RequestRecording {
    return {
      format: "elastic-attention-recording",
      version: 1,
      model: recordedModel(this.model),
      request: recordedRequest(this.request),
      ...(this.promptPieces === undefined ? {} : { promptPieces: this.promptPieces }),
      events: [...this.#events],
    };
  }

  /**
   * The same events; an error is taken down before it goes on.
   *
   * @param ended called once, with whether every event was read
   */
  async *record(events: AsyncIterable<GenerationEvent>, ended: (isWhole: boolean) => void = () => {}): AsyncGenerator<GenerationEvent, void, undefined> {
    let isWhole = false;
    try {
      for await (const event of events) {
        this.#take(event);
        yield event;
      }
      isWhole = true;
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      this.#add({ at: this.#now(), type: "error", name, message });
      throw error;
    } finally {
      ended(isWhole);
    }
  }

  /** Of several answers the first is taken down. */
  #take(event: GenerationEvent): void {
    const at = this.#now();
    if (event.type === "progress") return this.#add({ at, ...event });
    if (event.answer > 0) return;
    if (event.type === "token") this.#add({ at, type: "token", id: event.id, text: event.text });
    else this.#add({ at, type: "finish", reason: event.reason, report: event.report });
  }

  /** Calls `onEvent` for every event so far and for those that follow. @returns ends it */
  watch(onEvent: (event: RecordedEvent) => void): () => void {
    for (const event of this.#events) onEvent(event);
    this.#watchers.add(onEvent);
    return () => void this.#watchers.delete(onEvent);
  }

  #now(): number {
    return (performance.now() - this.#begun) / 1000;
  }

  #add(event: RecordedEvent): void {
    this.#events.push(event);
    for (const onEvent of this.#watchers) onEvent(event);
  }
}
