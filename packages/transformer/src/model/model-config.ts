import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { ModelConfigError } from "@elastic-attention/core";

/**
 * Typed access to config.json: every wrong value is an error that names key, expected and found. It records which keys were
 * asked for, so that those that nobody reads can be told.
 */
export class ModelConfig {
  readonly #read = new Set<string>();
  readonly #sections = new Map<string, ModelConfig>();

  constructor(
    private readonly values: Readonly<Record<string, unknown>>,
    /** What it was read from, for error messages. */
    readonly path = "config.json",
  ) {}

  /**
   * @param model a folder, or a file beside its config.json
   * @throws ModelConfigError when there is no readable config.json
   */
  static read(model: string): ModelConfig {
    const file = statSync(model, { throwIfNoEntry: false })?.isFile() === true;
    const path = join(file ? dirname(model) : model, "config.json");
    let values: unknown;
    try {
      // Some editors put a byte order mark in front.
      values = JSON.parse(readFileSync(path, "utf8").replace(/^\uFEFF/, ""));
    } catch (error) {
      throw new ModelConfigError(`Cannot read ${path}: ${(error as Error).message}.`, "Name a folder with config.json and model.safetensors.");
    }
    if (typeof values !== "object" || values === null || Array.isArray(values)) {
      throw new ModelConfigError(`${path} is not a JSON object.`);
    }
    return new ModelConfig(values as Record<string, unknown>, path);
  }

  get architecture(): string {
    const list = this.#value("architectures");
    const first: unknown = Array.isArray(list) ? list[0] : undefined;
    if (typeof first !== "string") throw new ModelConfigError(`${this.path}: architectures must name one, found ${JSON.stringify(list)}.`);
    return first;
  }

  has(key: string): boolean {
    const value = this.#value(key);
    return value !== undefined && value !== null;
  }

  /** A value as the file has it, of any kind. */
  value(key: string): unknown {
    return this.#value(key);
  }

  /** All of it, as the file has it. */
  get json(): Readonly<Record<string, unknown>> {
    return this.values;
  }

  /** Marks keys as known to change nothing, given the others: they are not told as unread. */
  disregard(...keys: readonly string[]): void {
    for (const key of keys) this.#read.add(key);
  }

  /** Keys with a value that nobody has asked for, those of a section that was read as "section.key", with their values. */
  unread(): ReadonlyMap<string, unknown> {
    const unread = new Map<string, unknown>();
    for (const [key, value] of Object.entries(this.values)) {
      if (value !== null && value !== undefined && !this.#read.has(key)) unread.set(key, value);
      for (const [inner, found] of this.#sections.get(key)?.unread() ?? []) unread.set(`${key}.${inner}`, found);
    }
    return unread;
  }

  /** A whole number above 0. */
  count(key: string, fallback?: number): number {
    return this.#check(key, fallback, "a whole number above 0", (value) => Number.isSafeInteger(value) && (value as number) > 0) as number;
  }

  number(key: string, fallback?: number): number {
    return this.#check(key, fallback, "a finite number", (value) => Number.isFinite(value)) as number;
  }

  boolean(key: string, fallback?: boolean): boolean {
    return this.#check(key, fallback, "true or false", (value) => typeof value === "boolean") as boolean;
  }

  string(key: string, fallback?: string): string {
    return this.#check(key, fallback, "a text", (value) => typeof value === "string") as string;
  }

  /** One of the given texts. */
  choice<T extends string>(key: string, choices: readonly T[], fallback?: T): T {
    return this.#check(key, fallback, `one of ${choices.join(", ")}`, (value) => choices.includes(value as T)) as T;
  }

  /** A list of finite numbers. */
  numbers(key: string): readonly number[] {
    return this.#check(key, undefined, "a list of numbers", (value) => Array.isArray(value) && value.every((item) => Number.isFinite(item))) as number[];
  }

  /** A list of the given texts. */
  choices<T extends string>(key: string, choices: readonly T[]): readonly T[] {
    const valid = (value: unknown) => Array.isArray(value) && value.every((item) => choices.includes(item as T));
    return this.#check(key, undefined, `a list of ${choices.join(", ")}`, valid) as T[];
  }

  /** A finite number, undefined where the file says null; `fallback` where it says nothing. */
  numberOrNull(key: string, fallback: number | undefined): number | undefined {
    if (this.has(key)) return this.number(key);
    return this.#value(key) === null ? undefined : fallback;
  }

  /** Token ids: one number or a list; empty when absent. */
  tokenIds(key: string): number[] {
    const value = this.#value(key);
    return (Array.isArray(value) ? value : [value]).filter((id): id is number => Number.isSafeInteger(id));
  }

  /**
   * An object inside, read the same way; undefined when absent or null.
   * @param defaults what holds where it does not say
   */
  section(key: string, defaults: Readonly<Record<string, unknown>> = {}): ModelConfig | undefined {
    if (!this.has(key)) return undefined;
    const known = this.#sections.get(key);
    if (known !== undefined) return known;
    const value = this.#check(key, undefined, "an object", (found) => typeof found === "object" && !Array.isArray(found));
    const section = new ModelConfig({ ...defaults, ...(value as Record<string, unknown>) }, `${this.path}: ${key}`);
    this.#sections.set(key, section);
    return section;
  }

  /** Error about one key of this file. */
  error(key: string, expected: string): ModelConfigError {
    return new ModelConfigError(`${this.path}: ${key} must be ${expected}, found ${JSON.stringify(this.values[key])}.`);
  }

  /** Error about a key that changes what the model computes in a way that is not supported here. */
  unsupported(key: string, value: unknown): ModelConfigError {
    const text = JSON.stringify(value);
    const found = text.length > 100 ? `${text.slice(0, 100)}…` : text;
    return new ModelConfigError(
      `${this.path}: ${key} is ${found}, which changes what the model computes and is not supported for ${this.architecture}.`,
      "Take another model; remove the key only if you know that the model was made without it.",
    );
  }

  #value(key: string): unknown {
    this.#read.add(key);
    return this.values[key];
  }

  #check(key: string, fallback: unknown, expected: string, valid: (value: unknown) => boolean): unknown {
    const value = this.has(key) ? this.values[key] : fallback;
    if (!valid(value)) throw this.error(key, expected);
    return value;
  }
}
