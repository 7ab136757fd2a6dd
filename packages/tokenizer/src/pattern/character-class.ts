import { caseVariants, hasJoinedFold } from "./case-folding.js";
import { digitClass, hexDigitClass, posixClass, propertyClass, spaceClass, wordClass } from "./class-source.js";
import type { SourceCursor } from "./source-cursor.js";

const controls: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, a: 7, e: 27 };
const shorthands: Readonly<Record<string, string>> = { s: spaceClass, d: digitClass, w: wordClass, h: hexDigitClass };
const deepest = 50;
/** Ranges of letters are spelled out when case does not count; no alphabet is longer. */
const longestFoldedRange = 2_000;

/** Reads `[...]`, escapes and names of characters. */
export class CharacterClassReader {
  constructor(private readonly cursor: SourceCursor) {}

  /** A class, from its opening bracket. */
  read(ignoreCase: boolean, depth = 0): string {
    const { cursor } = this;
    if (depth > deepest) cursor.refuse("classes are nested too deep");
    cursor.skip(1);
    const negated = cursor.take("^");
    const unions: string[] = [];
    let items = "";
    let count = 0;
    for (;;) {
      if (cursor.done) cursor.refuse("a class is not closed");
      if (cursor.at("]") && count > 0) break;
      if (cursor.take("&&")) {
        unions.push(`[${items}]`);
        items = "";
      } else items += this.#item(ignoreCase, depth, count === 0);
      count++;
    }
    cursor.skip(1);
    unions.push(`[${items}]`);
    const body = unions.length === 1 ? items : unions.join("&&");
    return `[${negated ? "^" : ""}${body}]`;
  }

  /** The class of `\s`, `\p{...}` and the like at this place, or undefined where another escape stands. */
  shorthand(): string | undefined {
    const { cursor } = this;
    const letter = cursor.peek(1);
    const lower = letter.toLowerCase();
    if (lower === "p") {
      const found = cursor.match(/^\\[pP]\{(\^?)([^}]*)\}/u);
      if (found === undefined) return cursor.refuse("a property without its braces");
      const source = propertyClass(found[2]!);
      if (source === undefined) return cursor.refuse(`the property ${found[2]!}`);
      return (letter === "P") === (found[1] === "^") ? source : `[^${source}]`;
    }
    const source = shorthands[lower];
    if (source === undefined || letter === "") return undefined;
    cursor.skip(2);
    return letter === lower ? source : `[^${source}]`;
  }

  /** The character that an escape stands for. */
  escapedCharacter(): string {
    const { cursor } = this;
    cursor.skip(1);
    const code = cursor.match(/^x\{([0-9A-Fa-f]{1,6})\}|^x([0-9A-Fa-f]{1,2})|^u([0-9A-Fa-f]{4})|^(0[0-7]{0,2})/u);
    if (code !== undefined) {
      const value = code[4] === undefined ? Number.parseInt(code[1] ?? code[2] ?? code[3]!, 16) : Number.parseInt(code[4], 8);
      if (value > 0x10_ffff || (value >= 0xd800 && value < 0xe000) || (code[2] !== undefined && value > 0x7f)) cursor.refuse(`the code ${code[0]}`);
      return String.fromCodePoint(value);
    }
    const character = cursor.next();
    const control = controls[character];
    if (control !== undefined) return String.fromCharCode(control);
    if (/[0-9A-Za-z]/u.test(character)) cursor.refuse(`the escape \\${character}`);
    return character;
  }

  #item(ignoreCase: boolean, depth: number, first: boolean): string {
    const { cursor } = this;
    if (cursor.at("[:")) {
      const posix = cursor.match(/^\[:(\^?)([a-z]+):\]/u);
      if (posix !== undefined) {
        const source = posixClass(posix[2]!) ?? cursor.refuse(`the class [:${posix[2]!}:]`);
        return posix[1] === "" ? source : `[^${source}]`;
      }
    }
    if (cursor.at("[")) return this.read(ignoreCase, depth + 1);
    if (cursor.at("\\")) {
      const shorthand = this.shorthand();
      if (shorthand !== undefined) return shorthand;
    }
    const from = this.#character(first);
    if (!cursor.at("-") || cursor.peek(1) === "]" || cursor.peek(1) === "" || cursor.peek(1) === "[") return this.#range(from, from, ignoreCase);
    const here = cursor.position;
    cursor.skip(1);
    if (cursor.at("\\") && this.shorthand() !== undefined) {
      // A hyphen before a class stands for itself.
      cursor.position = here + 1;
      return `${this.#range(from, from, ignoreCase)}\\x2d`;
    }
    return this.#range(from, this.#character(false), ignoreCase);
  }

  #character(first: boolean): string {
    if (this.cursor.at("\\")) return this.cursor.peek(1) === "b" ? (this.cursor.skip(2), "\b") : this.escapedCharacter();
    if (this.cursor.at("]") && !first) return this.cursor.refuse("a bracket in the wrong place");
    return this.cursor.next();
  }

  #range(from: string, to: string, ignoreCase: boolean): string {
    const [low, high] = [from.codePointAt(0)!, to.codePointAt(0)!];
    if (high < low) this.cursor.refuse("a range of characters in the wrong order");
    if (!ignoreCase) return low === high ? escaped(low) : `${escaped(low)}-${escaped(high)}`;
    if (high - low > longestFoldedRange) this.cursor.refuse("a long range of characters under (?i)");
    const all = new Set<number>();
    for (let code = low; code <= high; code++) {
      if (code >= 0xd800 && code < 0xe000) continue;
      const character = String.fromCodePoint(code);
      if (hasJoinedFold(character)) this.cursor.refuse(`the letter ${character} under (?i)`);
      for (const variant of caseVariants(character)) all.add(variant.codePointAt(0)!);
    }
    return [...all].map(escaped).join("");
  }
}

function escaped(code: number): string {
  return `\\u{${code.toString(16)}}`;
}
