import { ShapeError } from "@elastic-attention/core";
import { type Activation, activations, type DType, type ExpertGroups, type ExpertWeight, type GateActivation, type LinearWeight, type Tensor } from "@elastic-attention/tensor";
import type { CacheType, HeadStore, LayerCache, PageTable } from "@elastic-attention/attention";

const dtypeCodes: Record<DType, number> = { f32: 0, bf16: 1, f16: 2, i32: 3, u8: 4 };

/** Rows of a rounded cache, which no tensor is made of. */
const cacheTypeCodes: Record<CacheType, number> = { fp8: 5, q8_0: 6 };

/** The number by which addons know a dtype. */
export function dtypeCode(dtype: DType): number {
  return dtypeCodes[dtype];
}

/** Packs the arguments of a native kernel in the order in which it reads them. */
export class CallArguments {
  readonly #values: number[] = [];

  number(...values: readonly number[]): this {
    for (const value of values) this.#values.push(value);
    return this;
  }

  flag(value: boolean): this {
    return this.number(value ? 1 : 0);
  }

  /** A tensor as a matrix: its rows, everything else flattened into columns. */
  tensor(tensor: Tensor): this {
    this.#values.push(bufferOf(tensor), tensor.offset, tensor.numRows, tensor.rowLength, tensor.rowStride, dtypeCodes[tensor.dtype]);
    return this;
  }

  /** Keys or values of a cache, in what it keeps them in: of rounded rows the elements are columns, and scales lie behind them. */
  cacheRows(rows: Tensor, { headDim, cacheType }: Pick<LayerCache, "headDim" | "cacheType">): this {
    if (cacheType === undefined) return this.tensor(rows);
    this.#values.push(bufferOf(rows), rows.offset, rows.numRows, headDim, rows.rowStride, cacheTypeCodes[cacheType]);
    return this;
  }

  /** A tensor of rank 1 as one row. */
  vector(tensor: Tensor): this {
    const { offset, numElements, dtype } = tensor;
    this.#values.push(bufferOf(tensor), offset, 1, numElements, numElements, dtypeCodes[dtype]);
    return this;
  }

  /** A tensor that may be missing. */
  optional(tensor: Tensor | undefined): this {
    return tensor === undefined ? this.missing() : this.tensor(tensor);
  }

  missing(): this {
    return this.number(0, 0, 0, 0, 0, 0);
  }

  weight(weight: LinearWeight): this {
    weight.assertAlive();
    const { storage, outFeatures, inFeatures, dtype } = weight;
    const bytes = storage.byteLength;
    return this.number(storage.handle as number, 0, 1, bytes, bytes, dtypeCodes.u8).number(
      outFeatures,
      inFeatures,
      dtypeCodes[dtype],
    );
  }

  /** All experts of a weight: their buffer as bytes, their number, and the shape of each. */
  experts(weight: ExpertWeight): this {
    weight.assertAlive();
    const { storage, numExperts, outFeatures, inFeatures, dtype } = weight;
    const bytes = storage.byteLength;
    return this.number(storage.handle as number, 0, 1, bytes, bytes, dtypeCodes.u8, numExperts, outFeatures, inFeatures, dtypeCodes[dtype]);
  }

  /** One expert of a weight, as {@link weight} packs a matrix. */
  expert(weight: ExpertWeight, expert: number): this {
    weight.assertAlive();
    const { storage, numExperts, outFeatures, inFeatures, dtype } = weight;
    const bytes = storage.byteLength / numExperts;
    return this.number(storage.handle as number, expert * bytes, 1, bytes, bytes, dtypeCodes.u8, outFeatures, inFeatures, dtypeCodes[dtype]);
  }

  groups({ offsets, rows, slots }: ExpertGroups): this {
    return this.vector(offsets).vector(rows).tensor(slots);
  }

  activation(activation: Activation): this {
    return this.number(activations.indexOf(activation));
  }

  /** The number of a gate function, and the settings of the clamped one. */
  gate(activation: GateActivation): this {
    if (typeof activation === "string") return this.activation(activation).number(0, 0);
    return this.number(activations.length, activation.alpha, activation.limit);
  }

  store({ firstSlot, numSlots, sinkTokens, ringTokens }: HeadStore): this {
    return this.number(firstSlot, numSlots, sinkTokens, ringTokens);
  }

  /** Where a cache's slots lie: its page table, if it has one, and the tokens of a page. */
  pages(pages: PageTable | undefined): this {
    return pages === undefined ? this.missing().number(0) : this.tensor(pages.entries).number(pages.pageTokens);
  }

  pack(): Float64Array {
    // Not Float64Array.from: it asks an iterator for each number.
    return new Float64Array(this.#values);
  }
}

function bufferOf(tensor: Tensor): number {
  tensor.assertAlive();
  if (typeof tensor.storage.handle !== "number") {
    throw new ShapeError(`A tensor of backend "${tensor.backend.name}" was given to a native kernel.`);
  }
  return tensor.storage.handle;
}
