import { Readable } from "node:stream";
import type { StreamPace } from "./stream-pace.js";

export interface EventStreamOptions {
  /** Between two signs of life while nothing else is sent. */
  readonly heartbeatMilliseconds: number;
  /** A reader that is further behind is cut off. */
  readonly unreadLimitBytes: number;
}

/**
 * Server-sent events on their way to one client. They are taken whether it reads or not, so that a slow reader holds nobody
 * up; one that is too far behind is cut off.
 */
export class EventStream {
  // What is pushed waits until it is read.
  readonly #body = new Readable({ read() {} });
  readonly #heartbeat: NodeJS.Timeout;
  /** What goes out with the next write. */
  #gathered = "";
  #hasEnded = false;

  constructor(
    private readonly options: EventStreamOptions,
    private readonly pace: StreamPace,
  ) {
    const leave = pace.enter(this);
    // Headers go out with the first bytes.
    this.#body.push(": ok\n\n");
    this.#heartbeat = setInterval(() => this.#write(": waiting\n\n"), options.heartbeatMilliseconds);
    this.#body.once("close", () => {
      clearInterval(this.#heartbeat);
      leave();
    });
  }

  /** What the client is sent. */
  get body(): Readable {
    return this.#body;
  }

  /**
   * Sends an event.
   *
   * @param data a value, or a text of one line
   * @param event its name, where the protocol has names
   */
  send(data: object | string, event?: string): void {
    this.#write(eventText(data, event));
    this.#heartbeat.refresh();
  }

  end(): void {
    clearInterval(this.#heartbeat);
    this.#hasEnded = true;
    this.pace.request(this);
  }

  /** Writes what has been gathered; the pace calls it. */
  flush(): void {
    const text = this.#gathered;
    this.#gathered = "";
    if (this.#body.destroyed) return;
    if (text !== "") this.#body.push(text);
    const unread = this.#body.readableLength;
    if (unread > this.options.unreadLimitBytes) this.#body.destroy(new Error(`The client is ${unread} bytes behind.`));
    else if (this.#hasEnded) this.#body.push(null);
  }

  #write(text: string): void {
    if (this.#body.destroyed || this.#hasEnded) return;
    this.#gathered += text;
    this.pace.request(this);
  }
}

/** A server-sent event as it is written. */
export function eventText(data: object | string, event?: string): string {
  // JSON has no line breaks, which would end the field.
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return event === undefined ? `data: ${text}\n\n` : `event: ${event}\ndata: ${text}\n\n`;
}
