import { TrainingDataError } from "@elastic-attention/core";

/**
 * Reads what Python's `repr` makes of a dictionary of plain values, as older data files keep their metadata:
 * `{'task': 'Code', 'is_prefix': True, 'length': 812}`.
 * @throws TrainingDataError
 */
export function parsePythonLiteral(text: string): unknown {
  const reader = new LiteralReader(text);
  const value = reader.value();
  reader.end();
  return value;
}

class LiteralReader {
  #at = 0;

  constructor(private readonly text: string) {}

  value(): unknown {
    this.#space();
    const next = this.text[this.#at];
    if (next === "{") return this.#dictionary();
    if (next === "[" || next === "(") return this.#list(next === "[" ? "]" : ")");
    if (next === "'" || next === '"') return this.#string(next);
    return this.#word();
  }

  end(): void {
    this.#space();
    if (this.#at < this.text.length) throw this.#error();
  }

  #dictionary(): Record<string, unknown> {
    const result: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
    this.#at += 1;
    while (!this.#take("}")) {
      const key = this.value();
      if (!this.#take(":")) throw this.#error();
      result[String(key)] = this.value();
      if (!this.#take(",") && !this.#peek("}")) throw this.#error();
    }
    return result;
  }

  #list(close: string): unknown[] {
    const result: unknown[] = [];
    this.#at += 1;
    while (!this.#take(close)) {
      result.push(this.value());
      if (!this.#take(",") && !this.#peek(close)) throw this.#error();
    }
    return result;
  }

  #string(quote: string): string {
    let result = "";
    for (this.#at += 1; ; this.#at++) {
      const character = this.text[this.#at];
      if (character === undefined) throw this.#error();
      if (character === quote) break;
      if (character !== "\\") {
        result += character;
        continue;
      }
      this.#at += 1;
      const escaped = this.text[this.#at];
      if (escaped === undefined) throw this.#error();
      result += { n: "\n", t: "\t", r: "\r" }[escaped] ?? escaped;
    }
    this.#at += 1;
    return result;
  }

  #word(): unknown {
    const word = /^[-+.\w]+/.exec(this.text.slice(this.#at, this.#at + 64))?.[0] ?? "";
    this.#at += word.length;
    if (word === "True") return true;
    if (word === "False") return false;
    if (word === "None") return null;
    if (word === "" || Number.isNaN(Number(word))) throw this.#error();
    return Number(word);
  }

  #space(): void {
    while (/\s/.test(this.text[this.#at] ?? "x")) this.#at += 1;
  }

  #peek(character: string): boolean {
    this.#space();
    return this.text[this.#at] === character;
  }

  #take(character: string): boolean {
    if (!this.#peek(character)) return false;
    this.#at += 1;
    return true;
  }

  #error(): TrainingDataError {
    return new TrainingDataError(`Not a Python literal at character ${this.#at}: ${JSON.stringify(this.text.slice(0, 80))}.`);
  }
}
