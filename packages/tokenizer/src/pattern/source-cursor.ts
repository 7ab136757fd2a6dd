import { unsupportedPattern } from "./unsupported-pattern.js";

/** How often something is repeated. */
export interface Quantifier {
  readonly least: number;
  readonly most: number;
  readonly mode: "greedy" | "lazy" | "possessive";
}

const mostRepetitions = 100_000;

/** A place in the text of a pattern. */
export class SourceCursor {
  position = 0;

  constructor(readonly pattern: string) {}

  get done(): boolean {
    return this.position >= this.pattern.length;
  }

  at(text: string): boolean {
    return this.pattern.startsWith(text, this.position);
  }

  /** One UTF-16 unit further on; "" behind the end. */
  peek(offset: number): string {
    return this.pattern.charAt(this.position + offset);
  }

  skip(units: number): void {
    this.position += units;
  }

  take(text: string): boolean {
    if (!this.at(text)) return false;
    this.position += text.length;
    return true;
  }

  /** The next character, whole. */
  next(): string {
    if (this.done) this.refuse("it ends too early");
    const character = String.fromCodePoint(this.pattern.codePointAt(this.position)!);
    this.position += character.length;
    return character;
  }

  /** What an expression that begins with `^` finds here. */
  match(expression: RegExp): RegExpExecArray | undefined {
    const found = expression.exec(this.pattern.slice(this.position, this.position + 1000));
    if (found === null) return undefined;
    this.position += found[0].length;
    return found;
  }

  /** In Ruby's syntax `+` behind a brace repeats once more, and `?` behind `{n}` makes it optional. */
  quantifier(): Quantifier | undefined {
    const sign = this.match(/^[*+?]/u)?.[0];
    if (sign !== undefined) {
      const mode = this.take("?") ? "lazy" : this.take("+") ? "possessive" : "greedy";
      return { least: sign === "+" ? 1 : 0, most: sign === "?" ? 1 : Infinity, mode };
    }
    const braces = this.match(/^\{(?:(\d{1,9})(,?)(\d{0,9})|,(\d{1,9}))\}/u);
    if (braces === undefined) return undefined;
    const least = Number(braces[1] ?? 0);
    const most = braces[4] !== undefined ? Number(braces[4]) : braces[2] === "" ? least : braces[3] === "" ? Infinity : Number(braces[3]);
    if (least > mostRepetitions || (most !== Infinity && most > mostRepetitions)) this.refuse(`more than ${mostRepetitions} repetitions`);
    if (most < least) this.refuse("bounds of a repetition in the wrong order");
    if (braces[2] === "" && braces[4] === undefined) return { least, most, mode: "greedy" };
    return { least, most, mode: this.take("?") ? "lazy" : "greedy" };
  }

  /** @throws TokenizerError always */
  refuse(what: string): never {
    throw unsupportedPattern(this.pattern, what);
  }
}
