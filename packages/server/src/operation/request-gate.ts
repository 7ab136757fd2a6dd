import { ApiError } from "../errors/api-error.js";

/** How long a client is asked to wait at least and at most. */
const shortestRetrySeconds = 1;
const longestRetrySeconds = 60;
/** Weight of the latest request in the mean duration. */
const latestWeight = 0.2;

/** Lets so many requests in at once; who comes beyond them is told when to ask again. */
export class RequestGate {
  #inside = 0;
  #meanSeconds = 1;

  /**
   * @param running requests that the engine computes together
   * @param queue requests that may wait besides
   */
  constructor(
    private readonly running: number,
    private readonly queue: number,
  ) {}

  get inside(): number {
    return this.#inside;
  }

  /** Before a body is read. @throws ApiError 429 where so many answers have no room */
  requireRoom(answers = 1): void {
    const places = this.running + this.queue;
    if (this.#inside + answers <= places) return;
    const waiting = (this.#meanSeconds * (this.queue + 1)) / this.running;
    throw new ApiError(`${this.#inside} answers are running or waiting; more than ${places} are not taken.`, {
      status: 429,
      type: "rate_limit_error",
      code: "queue_full",
      retryAfterSeconds: Math.min(longestRetrySeconds, Math.max(shortestRetrySeconds, Math.ceil(waiting))),
    });
  }

  /**
   * Takes a place for each answer of a request.
   * @returns what gives them back, once
   * @throws ApiError 429
   */
  enter(answers = 1): () => void {
    this.requireRoom(answers);
    this.#inside += answers;
    const begun = performance.now();
    let isOut = false;
    return () => {
      if (isOut) return;
      isOut = true;
      this.#inside -= answers;
      const seconds = (performance.now() - begun) / 1000;
      this.#meanSeconds += latestWeight * (seconds - this.#meanSeconds);
    };
  }
}
