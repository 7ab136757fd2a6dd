import { TemplateInputError } from "../errors/template-input-error.js";
import { PythonDict } from "../values/python-dict.js";
import { PythonFloat } from "../values/python-float.js";

/** What `parseJson` gives: as `JSON.parse`, but for numbers with a point or exponent, large integers, and odd keys. */
export type JsonValue = null | boolean | number | bigint | string | PythonFloat | PythonDict | JsonValue[] | { [key: string]: JsonValue };

const maximumDepth = 500;
const number = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const space = /[ \t\n\r]*/y;
/** A string without escapes. */
// eslint-disable-next-line no-control-regex
const plainString = /"[^"\\\u0000-\u001f]*"/y;
// eslint-disable-next-line no-control-regex
const anyString = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/y;
const arrayIndex = /^(?:0|[1-9]\d{0,9})$/;

/**
 * Reads JSON as Python does: 2.0 stays a float and is no int, integers of any length are exact. Objects become plain ones;
 * one with a key that a plain object would put elsewhere (such as "2", or `__proto__`) becomes a `PythonDict`, which keeps
 * the order.
 *
 * @throws TemplateInputError for a text that is not JSON
 */
export function parseJson(text: string): JsonValue {
  return new JsonReader(text).read();
}

class JsonReader {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): JsonValue {
    const value = this.#value();
    if (this.#at < this.#text.length) this.#fail();
    return value;
  }

  #value(): JsonValue {
    this.#match(space);
    const value = this.#bare();
    this.#match(space);
    return value;
  }

  #bare(): JsonValue {
    switch (this.#text[this.#at]) {
      case "{":
        return this.#nested(() => this.#object());
      case "[":
        return this.#nested(() => this.#array());
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  #nested<T>(read: () => T): T {
    if (++this.#depth > maximumDepth) throw new TemplateInputError(`The JSON is nested more than ${maximumDepth} times over.`);
    this.#at++;
    const value = read();
    this.#depth--;
    return value;
  }

  #array(): JsonValue[] {
    const items: JsonValue[] = [];
    this.#match(space);
    if (this.#take("]")) return items;
    do items.push(this.#value());
    while (this.#take(","));
    if (!this.#take("]")) this.#fail();
    return items;
  }

  #object(): JsonValue {
    const entries: [string, JsonValue][] = [];
    let plain = true;
    this.#match(space);
    if (!this.#take("}")) {
      do {
        this.#match(space);
        const key = this.#string();
        this.#match(space);
        if (!this.#take(":")) this.#fail();
        entries.push([key, this.#value()]);
        if (arrayIndex.test(key) || key === "__proto__") plain = false;
      } while (this.#take(","));
      if (!this.#take("}")) this.#fail();
    }
    // The values are what the conversion of a caller's input takes, which looks into a dict as well.
    return plain ? Object.fromEntries(entries) : PythonDict.of(entries as [string, never][]);
  }

  #string(): string {
    const plain = this.#match(plainString);
    if (plain !== undefined) return plain.slice(1, -1);
    const escaped = this.#match(anyString);
    return escaped === undefined ? this.#fail() : (JSON.parse(escaped) as string);
  }

  #number(): JsonValue {
    const start = this.#at;
    const digits = this.#match(number);
    if (digits === undefined || digits === "") return this.#fail();
    if (/[.eE]/.test(digits)) return new PythonFloat(Number(digits));
    if (digits.length > 4300) throw new TemplateInputError(`The JSON has an integer of ${digits.length} digits at character ${start}.`);
    const value = Number(digits);
    return Number.isSafeInteger(value) ? value + 0 : BigInt(digits);
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) this.#fail();
    this.#at += word.length;
    return value;
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #fail(): never {
    const found = this.#at < this.#text.length ? JSON.stringify(this.#text[this.#at]) : "the end";
    throw new TemplateInputError(`The text is not JSON: ${found} at character ${this.#at} is not expected.`);
  }
}
