const dim = { on: "\u001b[2m", off: "\u001b[22m" };

/**
 * Writes an answer to a terminal with what the model thinks, from `<think>` to `</think>`, dimmed. The tags may come in pieces:
 * what may be the beginning of one is kept back until it is known.
 */
export class ThoughtStyle {
  #thinking = false;
  #kept = "";

  constructor(private readonly write: (text: string) => void) {}

  take(piece: string): void {
    let text = this.#kept + piece;
    this.#kept = "";
    for (;;) {
      const tag = this.#thinking ? "</think>" : "<think>";
      const at = text.indexOf(tag);
      if (at < 0) break;
      const end = at + tag.length;
      this.write(this.#thinking ? text.slice(0, end) + dim.off : text.slice(0, at) + dim.on + tag);
      this.#thinking = !this.#thinking;
      text = text.slice(end);
    }
    const tag = this.#thinking ? "</think>" : "<think>";
    for (let length = Math.min(tag.length - 1, text.length); length > 0; length--) {
      if (!text.endsWith(tag.slice(0, length))) continue;
      this.#kept = text.slice(-length);
      text = text.slice(0, -length);
      break;
    }
    if (text !== "") this.write(text);
  }

  /** At the end of the answer: what was kept back, and the terminal's own colours. */
  end(): void {
    const rest = this.#kept + (this.#thinking ? dim.off : "");
    this.#kept = "";
    this.#thinking = false;
    if (rest !== "") this.write(rest);
  }
}
