import type { AnswerPart } from "../answer-event.js";
import type { CallForm } from "./call-form.js";
import { JsonEnd } from "./json-end.js";

/** What stands where a tool's name does. */
const anyName = "([\\w.-]+)";

/** Reads calls that a grammar holds to a form, as their text comes: arguments are told piece by piece. */
export class StreamedCalls {
  #held = "";
  /** Everything of a call that has not been told, for the case that it never gets that far. */
  #state: "open" | "head" | "arguments" | "tail" | "between" = "open";
  #arguments = new JsonEnd();
  #told = 0;
  readonly #head: RegExp;

  constructor(
    private readonly form: CallForm,
    /** Number of the first call among those of its answer. */
    private readonly firstIndex: number,
    private readonly newId: (length?: number) => string,
  ) {
    this.#head = new RegExp(`^${escaped(form.head("\u0000")).replace("\u0000", anyName)}`);
  }

  /** Calls that were begun. */
  get count(): number {
    return this.#told;
  }

  /**
   * Takes text behind the opener.
   * @returns what can be told, and the text behind the last call once there is none more
   */
  push(text: string): { readonly parts: readonly AnswerPart[]; readonly rest?: string } {
    this.#held += text;
    const parts: AnswerPart[] = [];
    for (;;) {
      const before = this.#state;
      if (this.#step(parts)) return { parts, rest: this.#held };
      if (this.#state === before) return { parts };
    }
  }

  /** The answer is over: text that did not become a call, without its opener. */
  end(): string {
    return this.#state === "open" || this.#state === "head" ? this.#held : "";
  }

  /** @returns whether the last call has ended */
  #step(parts: AnswerPart[]): boolean {
    switch (this.#state) {
      case "open":
        if (this.#takes(this.form.list?.open ?? "")) this.#state = "head";
        return false;
      case "head": {
        const [head, name] = this.#head.exec(this.#held) ?? [];
        if (head === undefined) return false;
        this.#held = this.#held.slice(head.length);
        parts.push({ type: "call", index: this.#index, id: this.newId(this.form.idLength), name: name! });
        this.#told += 1;
        this.#arguments = new JsonEnd();
        this.#state = "arguments";
        return false;
      }
      case "arguments": {
        const end = this.#arguments.find(this.#held);
        const piece = this.#held.slice(0, end);
        if (piece !== "") parts.push({ type: "call-arguments", index: this.#index - 1, text: piece });
        this.#held = this.#held.slice(piece.length);
        if (end !== undefined) this.#state = "tail";
        return false;
      }
      case "tail":
        if (!this.#takes(this.form.tail + this.form.closer)) return false;
        if (this.form.list === undefined) return true;
        this.#state = "between";
        return false;
      case "between": {
        const { separator, close } = this.form.list!;
        if (this.#takes(close)) return true;
        if (this.#takes(separator)) this.#state = "head";
        return false;
      }
    }
  }

  get #index(): number {
    return this.firstIndex + this.#told;
  }

  #takes(text: string): boolean {
    if (!this.#held.startsWith(text)) return false;
    this.#held = this.#held.slice(text.length);
    return true;
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
