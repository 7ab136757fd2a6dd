import { MissingTensorError, ShapeError } from "@elastic-attention/core";
import { type ByteRange, type Checkpoint, type CheckpointEntry, type GgufCheckpoint, weightByteLength, weightFormat } from "@elastic-attention/tensor";
import type { NamedTensor } from "./gguf-tensor-names.js";
import { type RotatedRows, rowsInHalves } from "./rotated-rows.js";

/**
 * The tensors of a GGUF model as transformers would have them: under its names, query and key rows in its order. Values
 * stay in the format of the file.
 */
export class GgufWeights implements Checkpoint {
  readonly #tensors: ReadonlyMap<string, NamedTensor>;

  /**
   * @param rotatedHeadDim head dimension where query and key rows are to be put back.
   * @throws MissingTensorError, UnsupportedWeightFormatError, ShapeError: nothing has been read then
   */
  constructor(
    private readonly file: GgufCheckpoint,
    tensors: readonly NamedTensor[],
    private readonly rotatedHeadDim: number | undefined,
  ) {
    this.#tensors = new Map(tensors.map((tensor) => [tensor.huggingFaceName, tensor]));
    for (const { ggufName, huggingFaceName } of tensors) {
      const { type, shape } = file.entry(ggufName);
      weightFormat(type, `${file.path}: ${ggufName}`);
      const { headDim } = this.#rotatedRows(huggingFaceName) ?? {};
      if (headDim !== undefined && shape[0]! % headDim !== 0) {
        throw new ShapeError(`${file.path}: ${ggufName} has ${shape[0]} rows, which are no whole heads of ${headDim}.`);
      }
    }
  }

  get path(): string {
    return this.file.path;
  }

  get names(): IterableIterator<string> {
    return this.#tensors.keys();
  }

  get byteLength(): number {
    return [...this.#tensors.values()].reduce((bytes, { ggufName }) => bytes + this.file.entry(ggufName).byteLength, 0);
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  /** @throws MissingTensorError */
  entry(name: string): CheckpointEntry {
    return { ...this.file.entry(this.#named(name).ggufName), name };
  }

  /** @throws MissingTensorError, ShapeError, DisposedError */
  read(name: string, range?: ByteRange): Uint8Array {
    const { ggufName } = this.#named(name);
    const rotated = this.#rotatedRows(name);
    if (rotated === undefined) return this.file.read(ggufName, range);
    if (range === undefined) return rowsInHalves(this.file.read(ggufName), rotated);
    // Rows move within their head: whole heads are read, and what was asked for is cut out of them.
    const headBytes = rotated.headDim * rotated.rowBytes;
    const start = Math.floor(range.start / headBytes) * headBytes;
    const end = Math.ceil(range.end / headBytes) * headBytes;
    return rowsInHalves(this.file.read(ggufName, { start, end }), rotated).slice(range.start - start, range.end - start);
  }

  /** Undefined for rows in another order. @throws MissingTensorError, DisposedError */
  locate(name: string): { readonly descriptor: number; readonly position: number } | undefined {
    return this.#rotatedRows(name) === undefined ? this.file.locate(this.#named(name).ggufName) : undefined;
  }

  close(): void {
    this.file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #named(name: string): NamedTensor {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw new MissingTensorError(name, this.path);
    return tensor;
  }

  /** A bias has one element in each row. */
  #rotatedRows(name: string): RotatedRows | undefined {
    const { role, ggufName } = this.#named(name);
    if (this.rotatedHeadDim === undefined || (role !== "query" && role !== "key")) return undefined;
    const { type, shape } = this.file.entry(ggufName);
    const rowElements = shape.length === 1 ? 1 : shape.at(-1)!;
    return { headDim: this.rotatedHeadDim, rowBytes: weightByteLength(weightFormat(type, name), rowElements) };
  }
}
