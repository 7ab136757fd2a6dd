import { MissingTensorError, ShapeError } from "@elastic-attention/core";
import { type ByteRange, type Checkpoint, type CheckpointEntry, type GgufCheckpoint, weightByteLength, weightFormat } from "@elastic-attention/tensor";
import { hostFloats } from "../host-floats.js";
import type { NamedTensor } from "./gguf-tensor-names.js";
import { isNorm } from "./layer-layout.js";
import { type RotatedRows, rowsInHalves } from "./rotated-rows.js";

/** What a file keeps in another way than transformers. */
export interface GgufDifferences {
  /** Head dimension where the rows of queries and keys are to be put back. */
  readonly rotatedHeadDim: number | undefined;
  /** Whether weights of norms have the 1 added that transformers adds to them when it computes. */
  readonly gainIncludesOne: boolean;
}

/** A tensor by its name, and which expert's part of it the name means. */
interface FoundTensor extends NamedTensor {
  readonly expert: number | undefined;
}

/**
 * The tensors of a GGUF model as transformers would have them: under its names, query and key rows in its order, each expert's
 * matrices by themselves, norms without the 1 that is added to them. Matrices stay in the format of the file.
 */
export class GgufWeights implements Checkpoint {
  readonly #tensors: ReadonlyMap<string, NamedTensor>;

  /** @throws MissingTensorError, UnsupportedWeightFormatError, ShapeError: nothing has been read then */
  constructor(
    private readonly file: GgufCheckpoint,
    tensors: readonly NamedTensor[],
    private readonly differences: GgufDifferences,
  ) {
    this.#tensors = new Map(tensors.map((tensor) => [tensor.huggingFaceName, tensor]));
    for (const { ggufName, huggingFaceName, experts } of tensors) {
      const { type, shape } = file.entry(ggufName);
      weightFormat(type, `${file.path}: ${ggufName}`);
      const { headDim } = this.#rotatedRows(this.#find(huggingFaceName)) ?? {};
      if (headDim !== undefined && shape[0]! % headDim !== 0) {
        throw new ShapeError(`${file.path}: ${ggufName} has ${shape[0]} rows, which are no whole heads of ${headDim}.`);
      }
      if (experts !== undefined && (shape.length < 2 || shape[0] !== experts)) {
        throw new ShapeError(`${file.path}: ${ggufName} is [${shape.join(", ")}], not the matrices of ${experts} experts.`);
      }
    }
  }

  get path(): string {
    return this.file.path;
  }

  get names(): IterableIterator<string> {
    return this.#names();
  }

  get byteLength(): number {
    return [...this.#tensors.values()].reduce((bytes, { ggufName }) => bytes + this.file.entry(ggufName).byteLength, 0);
  }

  has(name: string): boolean {
    return this.#lookUp(name) !== undefined;
  }

  /** @throws MissingTensorError */
  entry(name: string): CheckpointEntry {
    return this.#entry(this.#find(name), name);
  }

  /** @throws MissingTensorError, ShapeError, DisposedError */
  read(name: string, range?: ByteRange): Uint8Array {
    const tensor = this.#find(name);
    const { ggufName, expert } = tensor;
    if (this.#includesOne(tensor)) return this.#withoutOne(ggufName).slice(range?.start, range?.end);
    const rotated = this.#rotatedRows(tensor);
    if (rotated !== undefined) return this.#readRotated(ggufName, rotated, range);
    if (expert === undefined) return this.file.read(ggufName, range);
    const { byteLength } = this.#entry(tensor, name);
    const start = expert * byteLength;
    return this.file.read(ggufName, { start: start + (range?.start ?? 0), end: start + Math.min(range?.end ?? byteLength, byteLength) });
  }

  /** Undefined for rows in another order, and for norms. @throws MissingTensorError, DisposedError */
  locate(name: string): { readonly descriptor: number; readonly position: number } | undefined {
    const tensor = this.#find(name);
    if (this.#rotatedRows(tensor) !== undefined || this.#includesOne(tensor)) return undefined;
    const { descriptor, position } = this.file.locate(tensor.ggufName);
    return { descriptor, position: position + (tensor.expert ?? 0) * this.#entry(tensor, name).byteLength };
  }

  close(): void {
    this.file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  *#names(): Generator<string, undefined> {
    for (const [name, { experts = 1 }] of this.#tensors) {
      for (let expert = 0; expert < experts; expert++) yield expert === 0 ? name : name.replace(".experts.0.", `.experts.${expert}.`);
    }
    return undefined;
  }

  #find(name: string): FoundTensor {
    const tensor = this.#lookUp(name);
    if (tensor === undefined) throw new MissingTensorError(name, this.path);
    return tensor;
  }

  #lookUp(name: string): FoundTensor | undefined {
    const tensor = this.#tensors.get(name);
    if (tensor !== undefined) return { ...tensor, expert: tensor.experts === undefined ? undefined : 0 };
    // The tensor of all experts is known by the name of the first.
    const [, before, digits, after] = /^(.*\.experts\.)(\d+)(\..*)$/.exec(name) ?? [];
    const joined = this.#tensors.get(`${before}0${after}`);
    const expert = Number(digits);
    return joined?.experts !== undefined && expert < joined.experts && String(expert) === digits ? { ...joined, expert } : undefined;
  }

  #entry(tensor: FoundTensor, name: string): CheckpointEntry {
    const { type, shape, byteLength } = this.file.entry(tensor.ggufName);
    if (this.#includesOne(tensor)) return { name, type: "F32", shape, byteLength: 4 * shape.reduce((product, size) => product * size, 1) };
    if (tensor.experts === undefined) return { name, type, shape, byteLength };
    return { name, type, shape: shape.slice(1), byteLength: byteLength / tensor.experts };
  }

  /** Of a norm; its bias is as it is. */
  #includesOne({ role, huggingFaceName }: NamedTensor): boolean {
    return this.differences.gainIncludesOne && isNorm(role) && huggingFaceName.endsWith(".weight");
  }

  #withoutOne(ggufName: string): Uint8Array {
    const gains = hostFloats(this.file.read(ggufName), this.file.entry(ggufName).type);
    return new Uint8Array(Float32Array.from(gains, (gain) => gain - 1).buffer);
  }

  #readRotated(ggufName: string, rotated: RotatedRows, range: ByteRange | undefined): Uint8Array {
    if (range === undefined) return rowsInHalves(this.file.read(ggufName), rotated);
    // Rows move within their head: whole heads are read, and what was asked for is cut out of them.
    const headBytes = rotated.headDim * rotated.rowBytes;
    const start = Math.floor(range.start / headBytes) * headBytes;
    const end = Math.ceil(range.end / headBytes) * headBytes;
    return rowsInHalves(this.file.read(ggufName, { start, end }), rotated).slice(range.start - start, range.end - start);
  }

  /** A bias has one element in each row. */
  #rotatedRows({ role, ggufName, huggingFaceName }: NamedTensor): RotatedRows | undefined {
    const { rotatedHeadDim: headDim } = this.differences;
    if (headDim === undefined || (role !== "query" && role !== "key")) return undefined;
    const { type, shape } = this.file.entry(ggufName);
    const rowElements = shape.length === 1 ? 1 : shape.at(-1)!;
    return { headDim, rowBytes: weightByteLength(weightFormat(type, huggingFaceName), rowElements) };
  }
}
