import { TokenizerError } from "@elastic-attention/core";

/** How deep parts of a tokenizer.json may be nested. */
const deepest = 32;

type Kind = "string" | "number" | "boolean";
interface Kinds {
  string: string;
  number: number;
  boolean: boolean;
}

/** One object of a tokenizer.json, read field by field; what is wrong is said with its place. */
export class Description {
  readonly #fields: Readonly<Record<string, unknown>>;

  /**
   * @param place where the object stands, such as `pre_tokenizer.pretokenizers[1]`; "" for the whole file.
   * @throws TokenizerError when the value is no object, or nested too deep
   */
  constructor(
    value: unknown,
    readonly place: string,
    private readonly depth = 0,
  ) {
    if (depth > deepest) throw damaged(`${place.slice(0, 80)}…`, "is nested too deep");
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw damaged(place === "" ? "its content" : place, "is not an object");
    this.#fields = value as Readonly<Record<string, unknown>>;
  }

  has(name: string): boolean {
    return this.value(name) !== undefined && this.value(name) !== null;
  }

  value(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? this.#fields[name] : undefined;
  }

  /** The name of the part's kind. */
  get kind(): string {
    return this.string("type");
  }

  string(name: string, otherwise?: string): string {
    const value = this.#typed(name, "string", otherwise);
    if (!value.isWellFormed()) throw this.wrong(name, "has half a character (a lone surrogate)");
    return value;
  }

  optionalString(name: string): string | undefined {
    return this.has(name) ? this.string(name) : undefined;
  }

  /** A text of exactly one character. */
  character(name: string): string {
    const value = this.string(name);
    if (value.length === 0 || value.length !== (value.codePointAt(0)! > 0xffff ? 2 : 1)) throw this.wrong(name, "is not one character");
    return value;
  }

  boolean(name: string, otherwise?: boolean): boolean {
    return this.#typed(name, "boolean", otherwise);
  }

  /** A whole number from zero up. */
  count(name: string, otherwise?: number): number {
    const value = this.#typed(name, "number", otherwise);
    if (!Number.isSafeInteger(value) || value < 0) throw this.wrong(name, "is not a whole number");
    return value;
  }

  object(name: string): Description {
    return new Description(this.value(name), this.#placeOf(name), this.depth + 1);
  }

  optionalObject(name: string): Description | undefined {
    return this.has(name) ? this.object(name) : undefined;
  }

  array(name: string): readonly unknown[] {
    const value = this.value(name);
    if (!Array.isArray(value)) throw this.wrong(name, value === undefined ? "is missing" : "is not a list");
    return value;
  }

  objects(name: string): Description[] {
    return this.array(name).map((value, index) => new Description(value, `${this.#placeOf(name)}[${index}]`, this.depth + 1));
  }

  /** The fields of an object that maps names to values. */
  entries(name: string): [string, unknown][] {
    const value = this.value(name);
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw this.wrong(name, value === undefined ? "is missing" : "is not an object");
    return Object.entries(value);
  }

  /** An error about a field. */
  wrong(name: string, what: string): TokenizerError {
    return damaged(this.#placeOf(name), what);
  }

  /** An error about a part that is not supported. */
  unsupported(what: string): TokenizerError {
    return new TokenizerError(`tokenizer.json cannot be used: ${this.place} asks for ${what}, which is not supported.`, {
      hint: "Take a model with another tokenizer, or save this one anew with a recent fast tokenizer.",
    });
  }

  #placeOf(name: string): string {
    return this.place === "" ? name : `${this.place}.${name}`;
  }

  #typed<K extends Kind>(name: string, kind: K, otherwise: Kinds[K] | undefined): Kinds[K] {
    const value = this.value(name);
    if ((value === undefined || value === null) && otherwise !== undefined) return otherwise;
    if (typeof value !== kind) throw this.wrong(name, value === undefined ? "is missing" : `is not a ${kind}`);
    return value as Kinds[K];
  }
}

function damaged(place: string, what: string): TokenizerError {
  return new TokenizerError(`tokenizer.json cannot be used: ${place} ${what}.`, { hint: "The file is damaged; download it again." });
}
