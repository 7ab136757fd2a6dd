import { TemplateSyntaxError } from "../errors/template-syntax-error.js";
import { positionOf } from "../errors/source-position.js";
import { isWhitespace, skipWhitespace, trimEnd } from "../text/whitespace.js";
import { ExpressionLexer } from "./expression-lexer.js";
import type { SyntaxOptions } from "./syntax-options.js";
import type { Token } from "./token.js";

/** As jinja2 does it: every line ends with `\n`, and the last line end goes unless it is to be kept. */
export function normalizeSource(source: string, keepTrailingNewline: boolean): string {
  const normalized = source.includes("\r") ? source.replace(/\r\n?/g, "\n") : source;
  return !keepTrailingNewline && normalized.endsWith("\n") ? normalized.slice(0, -1) : normalized;
}

type Sign = "-" | "+" | "";

/** Cuts a template into text and tags, and tags into tokens. */
export class Lexer {
  readonly #source: string;
  readonly #options: SyntaxOptions;
  readonly #tokens: Token[] = [];
  #at = 0;
  /** Whether what was read last ended a line, or nothing was read yet. */
  #lineStarts = true;

  /** @param source with normalized line ends */
  constructor(source: string, options: SyntaxOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** @throws TemplateSyntaxError */
  tokens(): Token[] {
    while (this.#at < this.#source.length) this.#readPiece();
    this.#tokens.push({ type: "end", text: "", offset: this.#source.length });
    return this.#tokens;
  }

  /** Text up to the next tag, and that tag. */
  #readPiece(): void {
    const tag = this.#nextTag(this.#at);
    if (tag < 0) {
      this.#pushData(this.#source.slice(this.#at), this.#at);
      this.#at = this.#source.length;
      return;
    }
    const kind = this.#source[tag + 1]!;
    const sign = this.#signAt(tag + 2);
    this.#pushData(this.#stripped(this.#source.slice(this.#at, tag), sign, kind !== "{"), this.#at);
    const start = tag + 2 + sign.length;
    if (kind === "#") this.#skipComment(start, tag);
    else if (kind === "{") this.#readTag(start, tag, "variable");
    else this.#readBlockTag(start, tag);
  }

  #nextTag(from: number): number {
    for (let at = this.#source.indexOf("{", from); at >= 0; at = this.#source.indexOf("{", at + 1)) {
      const next = this.#source.charCodeAt(at + 1);
      // `{`, `%` or `#`
      if (next === 0x7b || next === 0x25 || next === 0x23) return at;
    }
    return -1;
  }

  #signAt(index: number): Sign {
    const character = this.#source[index];
    return character === "-" || character === "+" ? character : "";
  }

  /** The text in front of a tag, less the white space that the tag takes with it. */
  #stripped(text: string, sign: Sign, isBlock: boolean): string {
    if (sign === "-") return trimEnd(text);
    if (sign === "+" || !isBlock || !this.#options.lstripBlocks) return text;
    const lineStart = text.lastIndexOf("\n") + 1;
    if (lineStart === 0 && !this.#lineStarts) return text;
    return skipWhitespace(text, lineStart) === text.length ? text.slice(0, lineStart) : text;
  }

  #pushData(text: string, offset: number): void {
    if (text !== "") this.#tokens.push({ type: "data", text, offset });
  }

  #moveTo(index: number): void {
    this.#at = index;
    this.#lineStarts = this.#source[index - 1] === "\n";
  }

  #skipComment(start: number, tag: number): void {
    const end = this.#source.indexOf("#}", start);
    if (end < 0) throw this.#error("Missing end of comment tag", tag);
    const sign = end > start ? this.#signAt(end - 1) : "";
    this.#moveTo(this.#behindTag(end + 2, sign));
  }

  /** Where the text behind a tag begins. */
  #behindTag(index: number, sign: Sign): number {
    if (sign === "-") return skipWhitespace(this.#source, index);
    return sign === "" && this.#options.trimBlocks && this.#source[index] === "\n" ? index + 1 : index;
  }

  #readBlockTag(start: number, tag: number): void {
    const raw = this.#rawBegin(start);
    if (raw === undefined) return this.#readTag(start, tag, "block");
    this.#moveTo(raw);
    this.#readRaw(tag);
  }

  /** Where the text of `{% raw %}` begins; undefined for any other tag. */
  #rawBegin(start: number): number | undefined {
    const word = skipWhitespace(this.#source, start);
    if (!this.#source.startsWith("raw", word)) return undefined;
    const end = skipWhitespace(this.#source, word + 3);
    if (this.#source.startsWith("-%}", end)) return skipWhitespace(this.#source, end + 3);
    return this.#source.startsWith("%}", end) ? end + 2 : undefined;
  }

  #readRaw(tag: number): void {
    const start = this.#at;
    for (let at = this.#source.indexOf("{%", start); at >= 0; at = this.#source.indexOf("{%", at + 1)) {
      const sign = this.#signAt(at + 2);
      const word = skipWhitespace(this.#source, at + 2 + sign.length);
      if (!this.#source.startsWith("endraw", word)) continue;
      const end = skipWhitespace(this.#source, word + 6);
      const endSign = this.#signAt(end);
      if (!this.#source.startsWith("%}", end + endSign.length)) continue;
      this.#pushData(this.#stripped(this.#source.slice(start, at), sign, true), start);
      this.#moveTo(this.#behindTag(end + endSign.length + 2, endSign));
      return;
    }
    throw this.#error("Missing end of raw directive", tag);
  }

  #readTag(start: number, tag: number, kind: "variable" | "block"): void {
    this.#tokens.push({ type: `${kind} begin`, text: "", offset: tag });
    const lexer = new ExpressionLexer(this.#source, this.#tokens);
    let at = start;
    while (at < this.#source.length) {
      if (isWhitespace(this.#source.charCodeAt(at))) at++;
      else if (lexer.isBalanced && this.#endsAt(at, kind)) return;
      else at = lexer.read(at);
    }
    this.#at = at;
  }

  /** Reads the end of a tag, if it is here. */
  #endsAt(at: number, kind: "variable" | "block"): boolean {
    const sign = this.#signAt(at);
    if (sign === "+" && kind === "variable") return false;
    if (!this.#source.startsWith(kind === "variable" ? "}}" : "%}", at + sign.length)) return false;
    this.#tokens.push({ type: `${kind} end`, text: "", offset: at });
    const behind = at + sign.length + 2;
    this.#moveTo(kind === "variable" && sign === "" ? behind : this.#behindTag(behind, sign));
    return true;
  }

  #error(message: string, offset: number): TemplateSyntaxError {
    return new TemplateSyntaxError(message, { position: positionOf(this.#source, offset) });
  }
}
