import { randomBytes } from "node:crypto";
import type { AnswerPart } from "./answer-event.js";
import type { CallForm } from "./tool-calls/call-form.js";
import { StreamedCalls } from "./tool-calls/streamed-calls.js";
import { bareJson, markedFormats, mayBeBareCall } from "./tool-calls/tool-call-formats.js";
import type { ToolCallFormat } from "./tool-calls/tool-call-format.js";

const thinkOpen = "<think>";
const thinkClose = "</think>";

export interface AnswerTextOptions {
  /** Names of the tools that may be called; none: calls are text like any other. */
  readonly tools: ReadonlySet<string>;
  /** The form that a grammar holds calls to: they are told as they come. Undefined: any that is known, told when it is whole. */
  readonly heldForm?: CallForm | undefined;
  /** Whether the prompt ended within the model's thoughts. */
  readonly opensThinking: boolean;
  /** Whether thoughts are told apart at all; false for raw prompts. */
  readonly splitsThoughts: boolean;
}

/** Takes the text of an answer as it comes, and gives thoughts, text and calls of tools. Nothing of it is lost. */
export class AnswerText {
  #state: "start" | "reasoning" | "text" | "call" | "held-calls";
  #format: ToolCallFormat = bareJson;
  #streamed: StreamedCalls | undefined;
  #held = "";
  #calls = 0;
  /** White space between a thought or a call and what follows is markup. */
  #skipsSpace = false;

  constructor(private readonly options: AnswerTextOptions) {
    this.#state = options.opensThinking ? "reasoning" : "start";
  }

  get isReasoning(): boolean {
    return this.#state === "reasoning";
  }

  /** Whether the answer calls tools. */
  get hasCalls(): boolean {
    return this.#calls > 0;
  }

  push(text: string): readonly AnswerPart[] {
    this.#held += text;
    const parts: AnswerPart[] = [];
    while (this.#step(parts)) {
      // Until nothing more can be told from what is held.
    }
    return parts;
  }

  /** The answer is over: what was held back comes out. */
  end(): readonly AnswerPart[] {
    const parts: AnswerPart[] = [];
    if (this.#state === "call") this.#endCall(parts, this.#held, "");
    else if (this.#state === "held-calls") {
      const left = this.#streamed!.end();
      if (left !== "") this.#emit(parts, "text", this.options.heldForm!.opener + left);
    } else this.#emit(parts, this.#state === "reasoning" ? "reasoning" : "text", this.#held);
    this.#held = "";
    return parts;
  }

  /** @returns whether there may be more to take */
  #step(parts: AnswerPart[]): boolean {
    if (this.#state === "reasoning") return this.#stepReasoning(parts);
    if (this.#state === "call") return this.#stepCall(parts);
    if (this.#state === "held-calls") return this.#stepHeldCalls(parts);
    return this.#stepText(parts);
  }

  #stepReasoning(parts: AnswerPart[]): boolean {
    const end = this.#held.indexOf(thinkClose);
    if (end < 0) {
      this.#release(parts, "reasoning", [thinkClose]);
      return false;
    }
    this.#emit(parts, "reasoning", this.#held.slice(0, end).trimEnd());
    this.#enter("start", end + thinkClose.length);
    return true;
  }

  #stepText(parts: AnswerPart[]): boolean {
    const atStart = this.#state === "start";
    const openers = [...(atStart && this.options.splitsThoughts ? [thinkOpen] : []), ...this.#callOpeners];
    const found = openers.map((open) => ({ open, place: this.#held.indexOf(open) })).filter(({ place }) => place >= 0);
    const first = found.toSorted((a, b) => a.place - b.place)[0];
    if (first === undefined || (first.open === thinkOpen && this.#held.slice(0, first.place).trim() !== "")) return this.#withoutMarker(parts, openers);
    const { open, place } = first;
    const before = this.#held.slice(0, place).trimEnd();
    if (before !== "") this.#emit(parts, "text", before);
    if (open === thinkOpen) this.#enter("reasoning", place + open.length);
    else if (this.options.heldForm !== undefined) this.#enterHeldCalls(place + open.length);
    else {
      this.#format = markedFormats.find((format) => format.open === open)!;
      this.#enter("call", place + open.length);
    }
    return true;
  }

  get #callOpeners(): readonly string[] {
    const { tools, heldForm } = this.options;
    if (tools.size === 0) return [];
    if (heldForm === undefined) return markedFormats.map(({ open }) => open);
    return heldForm.opener === "" ? [] : [heldForm.opener];
  }

  #withoutMarker(parts: AnswerPart[], openers: readonly string[]): boolean {
    const { tools, heldForm } = this.options;
    const text = this.#held.trimStart();
    if (this.#state === "start" && text !== "" && tools.size > 0) {
      if (heldForm?.opener === "" && text.startsWith("{")) {
        this.#enterHeldCalls(this.#held.length - text.length);
        return true;
      }
      if (heldForm === undefined && mayBeBareCall(text)) {
        // It may turn out to be text, and is given as such in the end.
        if (!text.includes(":")) return false;
        this.#format = bareJson;
        this.#state = "call";
        return true;
      }
    }
    this.#release(parts, "text", openers);
    return false;
  }

  #stepCall(parts: AnswerPart[]): boolean {
    const { close } = this.#format;
    if (this.#format === bareJson && !mayBeBareCall(this.#held.trimStart())) {
      this.#state = "text";
      return true;
    }
    const end = close === undefined ? -1 : this.#held.indexOf(close);
    if (close === undefined || end < 0) return false;
    const body = this.#held.slice(0, end);
    this.#held = this.#held.slice(end + close.length);
    this.#endCall(parts, body, close);
    this.#skipsSpace = true;
    this.#state = "text";
    return true;
  }

  #endCall(parts: AnswerPart[], body: string, close: string): void {
    const { open, idLength } = this.#format;
    const calls = this.#format.parse(body.trim());
    // Without a marker only the name tells a call from an answer in JSON.
    const isCall = calls !== undefined && (this.#format !== bareJson || calls.every(({ name }) => this.options.tools.has(name)));
    if (!isCall) return this.#emit(parts, "text", open + body + close);
    for (const { name, arguments: settings, id } of calls) {
      const index = this.#calls++;
      parts.push({ type: "call", index, id: id ?? newCallId(idLength), name }, { type: "call-arguments", index, text: settings });
    }
  }

  #enterHeldCalls(from: number): void {
    this.#streamed = new StreamedCalls(this.options.heldForm!, this.#calls, newCallId);
    this.#held = this.#held.slice(from);
    this.#state = "held-calls";
  }

  #stepHeldCalls(parts: AnswerPart[]): boolean {
    const streamed = this.#streamed!;
    const before = streamed.count;
    const { parts: told, rest } = streamed.push(this.#held);
    parts.push(...told);
    this.#calls += streamed.count - before;
    this.#held = rest ?? "";
    if (rest === undefined) return false;
    this.#enter("text", 0);
    return true;
  }

  /** Gives what cannot be the beginning of a marker. */
  #release(parts: AnswerPart[], type: "text" | "reasoning", markers: readonly string[]): void {
    const kept = heldBack(this.#held, markers);
    const text = this.#held.slice(0, this.#held.length - kept);
    // White space at the end belongs to a marker that may follow.
    const certain = kept > 0 || (type === "text" && this.#calls > 0) ? text.trimEnd() : text;
    if (certain.trim() === "" && (this.#skipsSpace || this.#state === "start")) return;
    this.#held = this.#held.slice(certain.length);
    this.#emit(parts, type, certain);
    if (this.#state === "start" && certain !== "") this.#state = "text";
  }

  #emit(parts: AnswerPart[], type: "text" | "reasoning", text: string): void {
    const shown = this.#skipsSpace ? text.trimStart() : text;
    if (shown === "") return;
    this.#skipsSpace = false;
    parts.push({ type, text: shown });
  }

  #enter(state: "start" | "reasoning" | "text" | "call", from: number): void {
    this.#held = this.#held.slice(from);
    this.#state = state;
    this.#skipsSpace = true;
  }
}

/** Length of the end of a text that may be the beginning of a marker. */
function heldBack(text: string, markers: readonly string[]): number {
  const longest = Math.max(0, ...markers.map(({ length }) => length - 1));
  for (let length = Math.min(longest, text.length); length > 0; length--) {
    const end = text.slice(-length);
    if (markers.some((marker) => marker.startsWith(end))) return length;
  }
  return 0;
}

/** An id as clients know them; letters and digits alone where a template takes so many. */
function newCallId(length?: number): string {
  const letters = randomBytes(18).toString("base64url").replaceAll(/[-_]/g, "x");
  return length === undefined ? `call_${letters}` : letters.slice(0, length);
}
