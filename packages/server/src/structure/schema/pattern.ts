import { allBut, type CharacterRange } from "./character-sets.js";

/** A regular expression, taken apart. */
export type Pattern =
  | { readonly type: "set"; readonly ranges: readonly CharacterRange[] }
  | { readonly type: "sequence" | "choice"; readonly parts: readonly Pattern[] }
  | { readonly type: "repeat"; readonly part: Pattern; readonly least: number; readonly most: number };

const lastCharacter = 0x10ffff;
const digits: readonly CharacterRange[] = [[0x30, 0x39]];
const words: readonly CharacterRange[] = [[0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]];
const spaces: readonly CharacterRange[] = [[0x09, 0x0d], [0x20, 0x20], [0xa0, 0xa0], [0x1680, 0x1680], [0x2000, 0x200a], [0x2028, 0x2029], [0x202f, 0x202f], [0x205f, 0x205f], [0x3000, 0x3000], [0xfeff, 0xfeff]];
const lineEnds: readonly CharacterRange[] = [[0x0a, 0x0a], [0x0d, 0x0d], [0x2028, 0x2029]];
const classes: Readonly<Record<string, readonly CharacterRange[]>> = { d: digits, w: words, s: spaces, D: allBut(digits), W: allBut(words), S: allBut(spaces) };
const controls: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, "0": 0 };

/**
 * Reads a regular expression as JSON schemas have them. What matches it whole matches it as they mean it: anywhere.
 *
 * @returns undefined for what is no regular language (look-around, references back), for assertions within, and for what is no expression
 */
export function readPattern(source: string): Pattern | undefined {
  const reader = new PatternReader(Array.from(source));
  return reader.whole();
}

/** Least and greatest number of characters of what a pattern matches. */
export function lengthsOf(pattern: Pattern): readonly [number, number] {
  if (pattern.type === "set") return [1, 1];
  if (pattern.type === "repeat") {
    const [least, most] = lengthsOf(pattern.part);
    return [least * pattern.least, most === 0 ? 0 : most * pattern.most];
  }
  const all = pattern.parts.map(lengthsOf);
  if (pattern.type === "choice") return [Math.min(...all.map(([least]) => least)), Math.max(...all.map(([, most]) => most))];
  return all.reduce(([least, most], [nextLeast, nextMost]) => [least + nextLeast, most + nextMost], [0, 0]);
}

/** Thrown where an expression cannot be read on. */
const unreadable = Symbol("unreadable");

class PatternReader {
  #place = 0;

  constructor(private readonly characters: readonly string[]) {}

  whole(): Pattern | undefined {
    try {
      const choice = this.#choice(true);
      return this.#place === this.characters.length ? choice : undefined;
    } catch (error) {
      if (error === unreadable) return undefined;
      throw error;
    }
  }

  get #next(): string | undefined {
    return this.characters[this.#place];
  }

  #takes(character: string): boolean {
    if (this.#next !== character) return false;
    this.#place += 1;
    return true;
  }

  #take(): string {
    const character = this.#next;
    if (character === undefined) throw unreadable;
    this.#place += 1;
    return character;
  }

  /** @param isOutermost whether its alternatives may be held to the ends of the text */
  #choice(isOutermost: boolean): Pattern {
    const parts: Pattern[] = [];
    do parts.push(this.#sequence(isOutermost));
    while (this.#takes("|"));
    return parts.length === 1 ? parts[0]! : { type: "choice", parts };
  }

  #sequence(isOutermost: boolean): Pattern {
    const parts: Pattern[] = [];
    if (isOutermost) this.#takes("^");
    while (this.#next !== undefined && this.#next !== "|" && this.#next !== ")") {
      if (isOutermost && this.#takes("$")) {
        if (!["|", undefined].includes(this.#next)) throw unreadable;
        break;
      }
      parts.push(this.#repeated(this.#atom()));
    }
    return parts.length === 1 ? parts[0]! : { type: "sequence", parts };
  }

  #atom(): Pattern {
    const character = this.#take();
    if (character === "(") return this.#group();
    if (character === "[") return set(this.#class());
    if (character === ".") return set(allBut(lineEnds));
    if (character === "\\") return set(this.#escape());
    if ("^$*+?{}])".includes(character)) throw unreadable;
    return set([rangeOf(character)]);
  }

  #group(): Pattern {
    if (this.#takes("?") && !this.#takes(":")) {
      // A group with a name is a group; what looks around is none.
      if (!this.#takes("<") || !/\w/.test(this.#next ?? "")) throw unreadable;
      while (this.#take() !== ">") {
        // Its name is for references back alone, which are not read.
      }
    }
    const inner = this.#choice(false);
    if (!this.#takes(")")) throw unreadable;
    return inner;
  }

  #repeated(part: Pattern): Pattern {
    const counts = this.#counts();
    if (counts === undefined) return part;
    // Whether as much or as little as can be is taken changes nothing of what matches.
    this.#takes("?");
    if (this.#counts() !== undefined) throw unreadable;
    return { type: "repeat", part, least: counts[0], most: counts[1] };
  }

  #counts(): readonly [number, number] | undefined {
    if (this.#takes("*")) return [0, Infinity];
    if (this.#takes("+")) return [1, Infinity];
    if (this.#takes("?")) return [0, 1];
    if (!this.#takes("{")) return undefined;
    const least = this.#number();
    const most = !this.#takes(",") ? least : this.#next === "}" ? Infinity : this.#number();
    if (!this.#takes("}") || most < least) throw unreadable;
    return [least, most];
  }

  #number(): number {
    let text = "";
    while (/\d/.test(this.#next ?? "")) text += this.#take();
    if (text === "" || text.length > 9) throw unreadable;
    return Number(text);
  }

  #class(): readonly CharacterRange[] {
    const isNegated = this.#takes("^");
    const ranges: CharacterRange[] = [];
    while (!this.#takes("]")) {
      const first = this.#member();
      const isRange = this.#next === "-" && this.characters[this.#place + 1] !== "]" && first.length === 1 && first[0]![0] === first[0]![1];
      if (!isRange) {
        ranges.push(...first);
        continue;
      }
      this.#place += 1;
      const end = this.#member();
      if (end.length !== 1 || end[0]![0] !== end[0]![1] || end[0]![0] < first[0]![0]) throw unreadable;
      ranges.push([first[0]![0], end[0]![0]]);
    }
    return isNegated ? allBut(ranges) : allBut(allBut(ranges));
  }

  #member(): readonly CharacterRange[] {
    const character = this.#take();
    return character === "\\" ? this.#escape() : [rangeOf(character)];
  }

  #escape(): readonly CharacterRange[] {
    const character = this.#take();
    const known = classes[character];
    if (known !== undefined) return known;
    if (character === "u" || character === "x") return [this.#hexadecimal(character)];
    const control = controls[character];
    if (control !== undefined && !(character === "0" && /\d/.test(this.#next ?? ""))) return [[control, control]];
    // Letters and digits mean something else: borders of words, references back, properties of characters.
    if (/[A-Za-z0-9]/.test(character)) throw unreadable;
    return [rangeOf(character)];
  }

  #hexadecimal(kind: "u" | "x"): CharacterRange {
    let text = "";
    if (kind === "u" && this.#takes("{")) {
      while (!this.#takes("}")) text += this.#take();
    } else while (text.length < (kind === "u" ? 4 : 2)) text += this.#take();
    const codePoint = /^[0-9a-fA-F]{1,6}$/.test(text) ? Number.parseInt(text, 16) : Infinity;
    if (codePoint > lastCharacter) throw unreadable;
    return [codePoint, codePoint];
  }
}

function set(ranges: readonly CharacterRange[]): Pattern {
  return { type: "set", ranges };
}

function rangeOf(character: string): CharacterRange {
  return [character.codePointAt(0)!, character.codePointAt(0)!];
}
