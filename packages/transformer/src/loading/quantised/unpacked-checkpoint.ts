import type { ByteRange, Checkpoint, CheckpointEntry, StoredScaledMatrix } from "@elastic-attention/tensor";
import type { QuantisationScheme } from "../../model/quantisation-scheme.js";
import { partEndings, scaledMatrix, type ScaledMatrix } from "./scaled-matrices.js";

/**
 * A checkpoint whose quantised matrices are seen as float32, under the names that they would have unquantised; each is unpacked
 * when it is read, and kept until the next one is.
 */
export class UnpackedCheckpoint implements Checkpoint {
  readonly #matrices = new Map<string, ScaledMatrix>();
  readonly #names: readonly string[];
  #last: { readonly name: string; readonly bytes: Uint8Array } | undefined;

  /** @throws ShapeError, UnsupportedWeightFormatError: nothing but shapes has been read then */
  constructor(
    private readonly checkpoint: Checkpoint,
    scheme: QuantisationScheme,
  ) {
    const parts = new Set<string>();
    for (const name of checkpoint.names) {
      const match = /^(.*)\.(qweight|weight_packed|weight)$/.exec(name);
      const prefix = match?.[1];
      const matrix = prefix === undefined ? undefined : scaledMatrix(checkpoint, prefix, scheme);
      if (matrix === undefined) continue;
      this.#matrices.set(`${prefix}.weight`, matrix);
      for (const ending of partEndings) parts.add(`${prefix}.${ending}`);
    }
    const plain = [...checkpoint.names].filter((name) => !parts.has(name) && !this.#matrices.has(name));
    this.#names = [...plain, ...this.#matrices.keys()];
  }

  get path(): string {
    return this.checkpoint.path;
  }

  get names(): IterableIterator<string> {
    return this.#names[Symbol.iterator]();
  }

  /** As the file has them: what is there to be read. */
  get byteLength(): number {
    return this.checkpoint.byteLength;
  }

  has(name: string): boolean {
    return this.#matrices.has(name) || this.checkpoint.has(name);
  }

  entry(name: string): CheckpointEntry {
    const matrix = this.#matrices.get(name);
    if (matrix === undefined) return this.checkpoint.entry(name);
    return { name, type: "F32", shape: matrix.shape, byteLength: 4 * matrix.shape[0] * matrix.shape[1] };
  }

  read(name: string, range?: ByteRange): Uint8Array {
    const matrix = this.#matrices.get(name);
    if (matrix === undefined) return this.checkpoint.read(name, range);
    if (this.#last?.name !== name) {
      // The one before is not needed any more; both together would take twice the memory.
      this.#last = undefined;
      const values = matrix.read();
      this.#last = { name, bytes: new Uint8Array(values.buffer) };
    }
    return range === undefined ? this.#last.bytes : this.#last.bytes.slice(range.start, Math.min(range.end, this.#last.bytes.length));
  }

  scaled(name: string): StoredScaledMatrix | undefined {
    return this.#matrices.get(name)?.stored();
  }

  locate(name: string): ReturnType<Checkpoint["locate"]> {
    return this.#matrices.has(name) ? undefined : this.checkpoint.locate(name);
  }

  close(): void {
    this.#last = undefined;
    this.checkpoint.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
