import type { EngineContext } from "../engine-context.js";
import { ActiveRequest } from "../request/active-request.js";
import { EventQueue } from "./event-queue.js";
import type { GenerationEvent } from "../request/generation-request.js";
import { PrefillProgress } from "../schedule/prefill-progress.js";
import type { PreparedRequest } from "../request/prepared-request.js";

/** Events that an answer is ahead of its reader at most. */
const mostUnread = 32;

/**
 * The answers of one request, and their one reader. The first reads the prompt; the others begin with a copy of what it
 * read, or read it themselves where there is no room for a copy.
 */
export class AnswerGroup {
  readonly events: EventQueue<GenerationEvent>;
  readonly progress: PrefillProgress;
  readonly answers: readonly ActiveRequest[];
  readonly #waiting: ActiveRequest[];
  #running: number;

  /** @throws TokenizerError */
  constructor(context: EngineContext, prepared: PreparedRequest, onRead: () => void) {
    const { count } = prepared.checked;
    this.events = new EventQueue(onRead);
    this.progress = new PrefillProgress(prepared.checked.tokens.length);
    this.#running = count;
    this.answers = Array.from({ length: count }, (_, index) => new ActiveRequest(context, prepared, this, index));
    this.#waiting = this.answers.slice(1);
  }

  get keepsUp(): boolean {
    return this.events.unread < mostUnread * this.answers.length;
  }

  /** The one that reads the prompt. */
  get first(): ActiveRequest {
    return this.answers[0]!;
  }

  /** Answers that wait for this one to have read the prompt, each given once. */
  takeWaiting(reader: ActiveRequest): readonly ActiveRequest[] {
    return reader === this.first ? this.#waiting.splice(0) : [];
  }

  /** An answer has told its last event. */
  answerEnded(): void {
    this.#running -= 1;
    if (this.#running === 0) this.events.end();
  }
}
