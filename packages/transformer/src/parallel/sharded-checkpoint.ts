import { readSync } from "node:fs";
import { InvalidOptionError, ModelConfigError, ShapeError } from "@elastic-attention/core";
import { type ByteRange, type Checkpoint, type CheckpointEntry, weightFormats } from "@elastic-attention/tensor";
import type { AxisSlice, TensorSlices } from "./tensor-slices.js";

/** Bytes of the whole tensor, one behind the other in the slice. */
interface Pieces {
  readonly entry: CheckpointEntry;
  /** Start of each piece in the whole tensor. */
  readonly starts: Float64Array;
  /** Where each piece begins in the slice, and where the last one ends. */
  readonly places: Float64Array;
}

/** From so many pieces on a tensor that lies nowhere in a file as it is read as a whole, and cut. */
const manyPieces = 16;

/**
 * A checkpoint as one rank sees it: tensors of which it has a part have the part's shape, and only the part is read. Everything
 * that loads a model loads a share of it through this.
 */
export class ShardedCheckpoint implements Checkpoint {
  readonly #pieces = new Map<string, Pieces>();

  constructor(
    private readonly whole: Checkpoint,
    private readonly parts: TensorSlices,
  ) {}

  get path(): string {
    return this.whole.path;
  }

  get names(): IterableIterator<string> {
    return this.whole.names;
  }

  get byteLength(): number {
    return this.whole.byteLength;
  }

  has(name: string): boolean {
    return this.whole.has(this.#source(name));
  }

  /** @throws MissingTensorError; InvalidOptionError where the part cuts a block of a quantised tensor */
  entry(name: string): CheckpointEntry {
    return this.#piecesOf(name)?.entry ?? this.whole.entry(this.#source(name));
  }

  read(name: string, range?: ByteRange): Uint8Array {
    if (this.parts.once.has(name)) {
      const { byteLength } = this.entry(name);
      return new Uint8Array(range === undefined ? byteLength : range.end - range.start);
    }
    const pieces = this.#piecesOf(name);
    const source = this.#source(name);
    if (pieces === undefined) return this.whole.read(source, range);
    const { start, end } = range ?? { start: 0, end: pieces.entry.byteLength };
    if (!(start >= 0 && start <= end && end <= pieces.entry.byteLength)) throw new ShapeError(`Bytes ${start} to ${end} of ${name} are outside its ${pieces.entry.byteLength}.`);
    const bytes = new Uint8Array(end - start);
    const copy = this.#reader(source, pieces);
    for (let piece = pieceAt(pieces.places, start); piece < pieces.starts.length && pieces.places[piece]! < end; piece++) {
      const [first, last] = [Math.max(start, pieces.places[piece]!), Math.min(end, pieces.places[piece + 1]!)];
      if (first < last) copy(pieces.starts[piece]! + first - pieces.places[piece]!, bytes.subarray(first - start, last - start));
    }
    return bytes;
  }

  locate(name: string): { readonly descriptor: number; readonly position: number } | undefined {
    if (this.parts.once.has(name)) return undefined;
    const pieces = this.#piecesOf(name);
    const place = this.whole.locate(this.#source(name));
    if (pieces === undefined || place === undefined) return place;
    return pieces.starts.length === 1 ? { descriptor: place.descriptor, position: place.position + pieces.starts[0]! } : undefined;
  }

  /** The files stay their owner's. */
  close(): void {
    this.#pieces.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #source(name: string): string {
    return this.parts.aliases.get(name) ?? name;
  }

  #piecesOf(name: string): Pieces | undefined {
    const slice = this.parts.slices.get(name);
    if (slice === undefined) return undefined;
    let pieces = this.#pieces.get(name);
    if (pieces === undefined) this.#pieces.set(name, (pieces = cut(name, this.whole.entry(this.#source(name)), slice)));
    return pieces;
  }

  /** What copies bytes of the whole tensor. */
  #reader(name: string, { starts }: Pieces): (start: number, target: Uint8Array) => void {
    const place = this.whole.locate(name);
    if (place !== undefined) return (start, target) => readInto(this.whole, name, place.descriptor, place.position + start, target);
    if (starts.length < manyPieces) return (start, target) => target.set(this.whole.read(name, { start, end: start + target.length }));
    const all = this.whole.read(name);
    return (start, target) => target.set(all.subarray(start, start + target.length));
  }
}

/** Where the parts of a tensor lie. @throws ShapeError, InvalidOptionError */
function cut(name: string, { type, shape, byteLength }: CheckpointEntry, { axis, ranges }: AxisSlice): Pieces {
  const size = shape[axis];
  const most = Math.max(0, ...ranges.map(([, end]) => end));
  if (size === undefined || most > size) throw new ShapeError(`${name} is [${shape.join(", ")}], of which ${most} are asked for in dimension ${axis}.`);
  const blockSize = axis === shape.length - 1 ? (weightFormats.get(type)?.blockSize ?? 1) : 1;
  if (ranges.some(([start, end]) => start % blockSize !== 0 || end % blockSize !== 0)) {
    throw new InvalidOptionError(`${name} is quantised in blocks of ${blockSize} (${type}), which the shares of the ranks would cut.`, "gpus", "Take another number of ranks, or a file with smaller blocks.");
  }
  const outer = shape.slice(0, axis).reduce((product, length) => product * length, 1);
  const unitBytes = byteLength / (outer * size);
  const starts = new Float64Array(outer * ranges.length);
  const places = new Float64Array(starts.length + 1);
  for (let piece = 0; piece < starts.length; piece++) {
    const [start, end] = ranges[piece % ranges.length]!;
    starts[piece] = Math.round((Math.floor(piece / ranges.length) * size + start) * unitBytes);
    places[piece + 1] = places[piece]! + Math.round((end - start) * unitBytes);
  }
  const length = ranges.reduce((sum, [start, end]) => sum + end - start, 0);
  return { entry: { name, type, shape: shape.with(axis, length), byteLength: places.at(-1)! }, starts, places };
}

/** The last piece that begins at or before a byte of the slice. */
function pieceAt(places: Float64Array, byte: number): number {
  let [low, high] = [0, places.length - 1];
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if (places[middle]! <= byte) low = middle;
    else high = middle;
  }
  return low;
}

function readInto(checkpoint: Checkpoint, name: string, descriptor: number, position: number, target: Uint8Array): void {
  for (let done = 0; done < target.length; ) {
    const count = readSync(descriptor, target, done, target.length - done, position + done);
    if (count === 0) throw new ModelConfigError(`${checkpoint.path} ends within ${name}.`, "The checkpoint was changed while it was read; download it again.");
    done += count;
  }
}
