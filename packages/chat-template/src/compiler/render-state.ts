import type { Meter } from "../limits/meter.js";
import type { Callee } from "../methods/parameters.js";
import { Printer } from "../operations/printer.js";
import { escapeHtml } from "../text/html.js";
import { Markup } from "../values/markup.js";
import type { Value } from "../values/value.js";
import type { BlockFunction } from "./blocks.js";

/** What names stand for in every template. */
export interface Language {
  readonly filters: ReadonlyMap<string, Callee>;
  readonly tests: ReadonlyMap<string, Callee>;
  readonly globals: ReadonlyMap<string, Value>;
  /** `value.name` */
  readonly getAttribute: (state: RenderState, value: Value, name: string) => Value;
  /** `value[key]` */
  readonly getItem: (state: RenderState, value: Value, key: Value) => Value;
}

export interface RenderStateOptions {
  readonly language: Language;
  readonly meter: Meter;
  readonly context: ReadonlyMap<string, Value>;
  readonly blocks: ReadonlyMap<string, BlockFunction>;
  readonly autoescape: boolean;
  readonly now: () => Date;
}

/** One rendering: what it has written, the variables of its context, and what it may still use. */
export class RenderState {
  readonly language: Language;
  readonly meter: Meter;
  readonly printer: Printer;
  readonly blocks: ReadonlyMap<string, BlockFunction>;
  readonly now: () => Date;
  /** Whether what is printed is escaped for HTML: within `{% autoescape %}`. */
  autoescape: boolean;
  /** What the innermost macro, block or template has written so far. */
  output = "";
  /** Offset in the source of what is being evaluated, for the position of errors. */
  offset = 0;
  readonly #context: ReadonlyMap<string, Value>;
  /** What the template has set at its top level, which blocks see. */
  readonly #exported = new Map<string, Value>();
  /** What a block that is scoped sees of the place where it stands. */
  #locals: ReadonlyMap<string, Value> | undefined;

  constructor({ language, meter, context, blocks, autoescape, now }: RenderStateOptions) {
    this.language = language;
    this.meter = meter;
    this.printer = new Printer(meter);
    this.blocks = blocks;
    this.autoescape = autoescape;
    this.now = now;
    this.#context = context;
  }

  /** A variable of the context; undefined when there is none. */
  resolve(name: string): Value | undefined {
    for (const variables of [this.#locals, this.#exported, this.#context, this.language.globals]) {
      const value = variables?.get(name);
      if (value !== undefined) return value;
    }
    return undefined;
  }

  exportVariable(name: string, value: Value): void {
    this.#exported.set(name, value);
  }

  /** Runs `body` with variables that come before those of the context. */
  withLocals(locals: ReadonlyMap<string, Value>, body: () => void): void {
    const outer = this.#locals;
    this.#locals = outer === undefined ? locals : new Map([...outer, ...locals]);
    body();
    this.#locals = outer;
  }

  write(text: string): void {
    this.output += text;
    this.meter.checkOutput(this.output.length);
  }

  /** Prints a value as `{{ … }}` does. */
  print(value: Value): void {
    if (this.autoescape) this.write(this.escaped(value));
    else this.write(typeof value === "string" ? value : this.printer.text(value));
  }

  /** Runs `body` with an output of its own, and gives what it has written. */
  capture(body: () => void): string {
    const outer = this.output;
    this.output = "";
    body();
    const written = this.output;
    this.output = outer;
    this.meter.scanText(written.length);
    return written;
  }

  /** The text of a value, with HTML's special characters escaped unless it is safe already. */
  escaped(value: Value): string {
    if (value instanceof Markup) return value.value;
    const text = this.printer.text(value);
    // An escape has up to five characters.
    this.meter.makeText(4 * text.length);
    return escapeHtml(text);
  }

  /** What a macro gives: safe where output is escaped, since it has been by then. */
  markIfEscaping(text: string): Value {
    return this.autoescape ? new Markup(text) : text;
  }
}
