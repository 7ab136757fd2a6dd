import { PassThrough, type Readable } from "node:stream";

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
  readonly #body = new PassThrough();
  readonly #heartbeat: NodeJS.Timeout;

  constructor(private readonly options: EventStreamOptions) {
    // Headers go out with the first bytes.
    this.#write(": ok\n\n");
    this.#heartbeat = setInterval(() => this.#write(": waiting\n\n"), options.heartbeatMilliseconds);
    this.#body.once("close", () => clearInterval(this.#heartbeat));
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
    const text = typeof data === "string" ? data : JSON.stringify(data);
    // JSON has no line breaks, which would end the field.
    this.#write(`${event === undefined ? "" : `event: ${event}\n`}data: ${text}\n\n`);
    this.#heartbeat.refresh();
  }

  end(): void {
    clearInterval(this.#heartbeat);
    this.#body.end();
  }

  #write(text: string): void {
    if (this.#body.destroyed || this.#body.writableEnded) return;
    this.#body.write(text);
    const unread = this.#body.writableLength + this.#body.readableLength;
    if (unread > this.options.unreadLimitBytes) this.#body.destroy(new Error(`The client is ${unread} bytes behind.`));
  }
}
