import type { TokenConstraint, TokenConstraintContext } from "@elastic-attention/generation";
import type { CallForm } from "../answer/tool-calls/call-form.js";
import { passes, restsOf, thoughtsEnd } from "./after-thoughts.js";
import type { MatchedConstraint } from "./matched-constraint.js";
import { TokenTexts } from "./token-texts.js";

const thoughtsBegin = "<think>";

/**
 * Any text, in which calls are held to a grammar from their opener on. Where a model marks no calls, an answer that begins as
 * one does is one.
 */
export class FreeText implements TokenConstraint {
  readonly #texts: TokenTexts;
  #state: "start" | "thoughts" | "text" | "calls" | "end" = "start";
  /** The end of what was written: as much as a marker is long. */
  #tail = "";

  constructor(
    private readonly context: TokenConstraintContext,
    private readonly form: CallForm,
    /** What follows an opener. */
    private readonly calls: MatchedConstraint,
    private readonly parallel: boolean,
  ) {
    this.#texts = TokenTexts.of(context);
  }

  /** Where nothing ends a text but the last call. */
  get done(): boolean {
    return this.#state === "end" && this.context.endOfText.size === 0;
  }

  nextMask(): Int32Array | undefined {
    if (this.#state === "calls") return this.calls.nextMask();
    if (this.#state === "end") return this.#texts.only(this.context.endOfText);
    if (this.#state === "thoughts") return this.#upTo(thoughtsEnd);
    return this.form.opener === "" ? this.#bareMask() : this.#upTo(this.form.opener);
  }

  accept(token: number): void {
    if (this.context.endOfText.has(token) && this.#state !== "calls") return;
    const text = this.#texts.text(token);
    if (this.#state === "calls") return this.#inCalls(token);
    if (this.form.opener === "" && this.#state === "start" && text.startsWith("{")) {
      this.#state = "calls";
      return this.#inCalls(token);
    }
    this.#tail = (this.#tail + text).slice(-longestMarker);
    if (this.#state === "thoughts") {
      if (this.#tail.endsWith(thoughtsEnd)) this.#begin("start");
    } else if (this.#state === "start" && this.#tail.trim() === thoughtsBegin) this.#begin("thoughts");
    else if (this.form.opener !== "" && this.#tail.endsWith(this.form.opener)) this.#begin("calls");
    else if (this.#tail.trim() !== "" && !thoughtsBegin.startsWith(this.#tail.trim())) this.#state = "text";
  }

  dispose(): void {
    this.calls.dispose();
  }

  #inCalls(token: number): void {
    this.calls.accept(token);
    if (!this.calls.done) return;
    this.#begin(this.parallel && this.form.opener !== "" ? "text" : "end");
    this.calls.restart();
  }

  #begin(state: "start" | "thoughts" | "text" | "calls" | "end"): void {
    this.#state = state;
    this.#tail = "";
  }

  /** A marker that comes is a token's end: what follows it can then be held to the grammar. */
  #upTo(marker: string): Int32Array | undefined {
    const rests = restsOf(this.#tail, marker);
    return this.#texts.allBut(`${marker} ${rests.join(" ")}`, (text) => passes(text, marker, rests));
  }

  /** In front of an answer without a marker: what begins like a call is held to be one. */
  #bareMask(): Int32Array | undefined {
    if (this.#state !== "start") return undefined;
    const calls = this.calls.nextMask();
    const begins = (text: string) => /^\s*\{/.test(text);
    const mask = this.#texts.allBut("{", begins)?.slice();
    for (const id of this.#texts.ids(begins)) if (((calls[id >> 5]! >>> (id & 31)) & 1) === 1) mask![id >> 5]! |= 1 << (id & 31);
    return mask;
  }
}

const longestMarker = 16;
