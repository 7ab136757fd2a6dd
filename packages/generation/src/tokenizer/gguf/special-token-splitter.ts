/** Finds special tokens that are written out in a text: the leftmost first, of several at one place the longest. */
export class SpecialTokenSplitter {
  readonly #pattern: RegExp | undefined;
  readonly #ids: ReadonlyMap<string, number>;

  constructor(tokens: Iterable<readonly [id: number, text: string]>) {
    this.#ids = new Map([...tokens].filter(([, text]) => text !== "").map(([id, text]) => [text, id]));
    const texts = [...this.#ids.keys()].sort((a, b) => b.length - a.length);
    if (texts.length > 0) this.#pattern = new RegExp(texts.map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|"), "g");
  }

  /** Texts and ids of special tokens in turn; no text is empty. */
  split(text: string): (string | number)[] {
    const parts: (string | number)[] = [];
    let end = 0;
    if (this.#pattern !== undefined) {
      for (const match of text.matchAll(this.#pattern)) {
        if (match.index > end) parts.push(text.slice(end, match.index));
        parts.push(this.#ids.get(match[0])!);
        end = match.index + match[0].length;
      }
    }
    if (end < text.length) parts.push(text.slice(end));
    return parts;
  }
}
