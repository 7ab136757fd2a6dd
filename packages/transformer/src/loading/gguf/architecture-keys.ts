import type { GgufMetadata, GgufValue } from "@elastic-attention/tensor";
import type { GgufMetadataError } from "@elastic-attention/core";
import { shortestFloat } from "./gguf-numbers.js";

/** Typed access to the keys of a file that begin with its architecture's name; floats as the decimals that they stand for. */
export class ArchitectureKeys {
  constructor(
    readonly metadata: GgufMetadata,
    readonly architecture: string,
  ) {}

  has(key: string): boolean {
    return this.metadata.has(this.#name(key));
  }

  get(key: string): GgufValue | undefined {
    return this.metadata.get(this.#name(key));
  }

  /** A whole number, 0 or above. @throws GgufMetadataError */
  count(key: string, fallback?: number): number {
    return this.metadata.count(this.#name(key), fallback);
  }

  /** A whole number above 0. @throws GgufMetadataError */
  positive(key: string, fallback?: number): number {
    const value = this.count(key, fallback);
    if (value === 0) throw this.error(key, "must be above 0");
    return value;
  }

  /** A number above 0, or a list with one for each layer, which must be equal. @throws GgufMetadataError */
  sameInEveryLayer(key: string): number {
    if (typeof this.get(key) !== "object") return this.positive(key);
    const values = this.metadata.numbers(this.#name(key));
    const first = values[0] ?? 0;
    if (!(first > 0) || !values.every((value) => value === first)) throw this.error(key, "must be one number above 0 for all layers");
    return first;
  }

  /** A finite number. @throws GgufMetadataError */
  float(key: string, fallback?: number): number {
    return shortestFloat(this.metadata.number(this.#name(key), fallback));
  }

  /** @throws GgufMetadataError */
  boolean(key: string, fallback?: boolean): boolean {
    return this.metadata.boolean(this.#name(key), fallback);
  }

  /** @throws GgufMetadataError */
  string(key: string, fallback?: string): string {
    return this.metadata.string(this.#name(key), fallback);
  }

  /** An array of true and false. @throws GgufMetadataError */
  booleans(key: string): readonly boolean[] {
    return this.metadata.booleans(this.#name(key));
  }

  /** Error about one key. */
  error(key: string, problem: string): GgufMetadataError {
    return this.metadata.error(this.#name(key), problem);
  }

  #name(key: string): string {
    return `${this.architecture}.${key}`;
  }
}
