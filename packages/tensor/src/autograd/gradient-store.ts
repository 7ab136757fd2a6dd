import { ShapeError } from "@elastic-attention/core";
import type { Backend } from "../backend.js";
import { type DType, dtypeByteSize, isFloat } from "../dtype.js";
import { add } from "../operations/elements/add.js";
import { cast } from "../operations/elements/cast.js";
import { type Storage, Tensor } from "../tensor.js";
import { type Region, regionOf, RegionSet, regionShape } from "./region.js";

/** How a storage is divided into rows: regions of it are rectangles in rows of this width. */
interface Layout {
  readonly dtype: DType;
  readonly width: number;
  readonly numElements: number;
}

/** Gradient of one storage: the same elements at the same places. */
interface Entry {
  readonly buffer: Tensor;
  /** Element of the buffer that stands for element 0 of the storage. */
  readonly shift: number;
  readonly defined: RegionSet;
  readonly foreign: boolean;
}

/**
 * One gradient buffer for each storage that wants one, made when the first gradient arrives. Which parts of it hold
 * gradients is known exactly, so that the first one is written and not added to zeros, and nothing is zeroed in vain.
 */
export class GradientStore implements Disposable {
  readonly #layouts = new WeakMap<Storage, Layout>();
  readonly #wanted = new WeakSet<Storage>();
  readonly #entries = new Map<Storage, Entry>();

  constructor(readonly backend: Backend) {}

  /** Tells the rows of a tensor as it was allocated; views of it that come later are rectangles of those. */
  layOut(tensor: Tensor): Layout {
    const known = this.#layouts.get(tensor.storage);
    if (known !== undefined) return known;
    const numElements = tensor.storage.byteLength / dtypeByteSize(tensor.dtype);
    const layout = { dtype: tensor.dtype, width: Math.max(1, tensor.rowStride), numElements };
    this.#layouts.set(tensor.storage, layout);
    return layout;
  }

  region(tensor: Tensor): Region {
    return regionOf(tensor, this.layOut(tensor).width);
  }

  want(tensor: Tensor): void {
    if (!isFloat(tensor.dtype)) throw new ShapeError(`A tensor of ${tensor.dtype} has no gradient.`);
    this.layOut(tensor);
    this.#wanted.add(tensor.storage);
  }

  wants(tensor: Tensor): boolean {
    return this.#wanted.has(tensor.storage);
  }

  /** Adds the gradients of `tensor` to what `gradient`, of the same shape, holds already; it stays its owner's. */
  adopt(tensor: Tensor, gradient: Tensor): void {
    const fits = gradient.shape.length === tensor.shape.length && gradient.shape.every((size, i) => size === tensor.shape[i]);
    if (!fits || !gradient.isContiguous || !tensor.isContiguous) {
      throw new ShapeError(`A gradient must be dense and [${tensor.shape.join(", ")}], found [${gradient.shape.join(", ")}].`);
    }
    const defined = new RegionSet();
    defined.add(this.region(tensor));
    this.#entries.set(tensor.storage, { buffer: gradient, shift: gradient.offset - tensor.offset, defined, foreign: true });
  }

  /** The gradient of a view where any has arrived, the rest of it made zero; undefined where none has. */
  incoming(tensor: Tensor): Tensor | undefined {
    const entry = this.#entries.get(tensor.storage);
    if (entry === undefined || !entry.defined.overlaps(this.region(tensor))) return undefined;
    return this.zeroFilled(tensor);
  }

  /** The gradient of a view for a kernel that adds: zero where none has arrived. */
  zeroFilled(tensor: Tensor): Tensor {
    const { entry, width, region } = this.#open(tensor);
    for (const piece of entry.defined.missing(region)) {
      const { shape, offset, rowStride } = regionShape(piece, width);
      fillZeros(new Tensor(this.backend, entry.buffer.storage, shape, entry.buffer.dtype, offset + entry.shift, rowStride, false));
    }
    entry.defined.add(region);
    return viewLike(tensor, entry);
  }

  /** Whether a gradient has arrived anywhere in the view. */
  hasArrived(tensor: Tensor): boolean {
    return this.#entries.get(tensor.storage)?.defined.overlaps(this.region(tensor)) ?? false;
  }

  /** The gradient of a view in which none has arrived yet; the caller overwrites all of it. */
  fresh(tensor: Tensor): Tensor {
    const { entry, region } = this.#open(tensor);
    entry.defined.add(region);
    return viewLike(tensor, entry);
  }

  /** Forgets the gradient of a view: its elements were overwritten, so earlier ones have no part in it. */
  clear(tensor: Tensor): void {
    const entry = this.#entries.get(tensor.storage);
    if (entry === undefined || entry.foreign) return;
    entry.defined.remove(this.region(tensor));
    if (entry.defined.isEmpty) this.free(tensor.storage);
  }

  free(storage: Storage): void {
    const entry = this.#entries.get(storage);
    if (entry === undefined) return;
    this.#entries.delete(storage);
    if (!entry.foreign) entry.buffer.dispose();
  }

  [Symbol.dispose](): void {
    for (const storage of this.#entries.keys()) this.free(storage);
  }

  #open(tensor: Tensor): { entry: Entry; width: number; region: Region } {
    const { dtype, width, numElements } = this.layOut(tensor);
    const region = this.region(tensor);
    let entry = this.#entries.get(tensor.storage);
    if (entry === undefined) {
      const buffer = this.backend.allocate([numElements], dtype);
      entry = { buffer, shift: 0, defined: new RegionSet(), foreign: false };
      this.#entries.set(tensor.storage, entry);
    }
    return { entry, width, region };
  }
}

function viewLike({ backend, shape, offset, rowStride }: Tensor, { buffer, shift }: Entry): Tensor {
  return new Tensor(backend, buffer.storage, shape, buffer.dtype, offset + shift, rowStride, false);
}

/** Rows that zeros are written by at a time. */
const zeroRows = 1024;

/** Writes zeros into a matrix or view, from a small block of them. */
export function fillZeros(target: Tensor): void {
  const { backend, numRows, rowLength } = target;
  if (numRows * rowLength === 0) return;
  // A long vector has short rows: seen as rows of its own it takes few copies.
  if (rowLength === 1 && target.isContiguous && numRows > zeroRows) {
    const rows = Math.floor(numRows / zeroRows);
    fillZeros(target.rows(0, rows * zeroRows).reshape([rows, zeroRows]));
    return fillZeros(target.rows(rows * zeroRows, numRows));
  }
  const block = Math.min(zeroRows, numRows);
  using zeros = backend.upload(new Float32Array(block * rowLength), [block, rowLength], "f32");
  for (let start = 0; start < numRows; start += block) {
    const end = Math.min(start + block, numRows);
    const output = target.rows(start, end).reshape([end - start, rowLength]);
    backend.kernels.run(cast, { input: zeros.rows(0, end - start), output });
  }
}

/** target += addition */
export function addInto(target: Tensor, addition: Tensor): void {
  target.backend.kernels.run(add, { a: target, b: addition, output: target });
}
