import { MemoryScope } from "@elastic-attention/core";
import { type Backend, copySpans, type FloatDType, type Tensor } from "@elastic-attention/tensor";
import type { Retention } from "../patterns/block-pattern.js";
import { slotSpans } from "./head-slots.js";
import { headStores, numSlots, worthwhileRetention } from "./head-stores.js";
import type { KeptTokens } from "./keep-chosen.js";
import type { HeadStore } from "./layer-cache.js";
import type { LayerStorage } from "./layer-storage.js";
import { allocateBounds, type PageBounds } from "./bounds/page-bounds.js";
import { RowSpans } from "./row-spans.js";
import { cacheRow, type CacheType } from "./rounded/cache-type.js";
import { sharedRanges } from "./shared-ranges.js";

/** Tensors of its own for each layer, head after head; growing and dropping copy to new ones. */
export class ContiguousLayer implements LayerStorage {
  length = 0;
  keys!: Tensor;
  values!: Tensor;
  heads!: readonly HeadStore[];
  boundedTokens = 0;
  bounds: PageBounds | undefined;

  /**
   * @param tokens room to make at first, for heads that keep everything.
   * @throws OutOfMemoryError
   */
  constructor(
    private readonly backend: Backend,
    readonly numKeyValueHeads: number,
    readonly headDim: number,
    readonly dtype: FloatDType,
    tokens: number,
    readonly cacheType?: CacheType,
  ) {
    const everything = Array.from({ length: numKeyValueHeads }, () => ({ type: "all" }) as const);
    Object.assign(this, this.#allocate(headStores(everything, tokens, 0)));
  }

  get byteLength(): number {
    return 2 * this.keys.storage.byteLength + (this.bounds?.rows.storage.byteLength ?? 0);
  }

  openBounds(pageTokens: number): PageBounds {
    if (this.bounds?.pageTokens === pageTokens) return this.bounds;
    this.#dropBounds();
    return (this.bounds = allocateBounds(this, pageTokens, this.dtype));
  }

  /** Grows what is too small: "all" heads by half, rings just for this append. */
  makeRoom(retentions: readonly Retention[], tokens: number): void {
    const needed = this.length + tokens;
    const capacity = Math.min(...this.heads.map((store) => (store.type === "all" ? store.numSlots : Infinity)));
    const grown = needed > capacity ? Math.max(needed, Math.ceil(capacity * 1.5)) : capacity;
    const heads = this.#stores(retentions, Number.isFinite(grown) ? grown : needed, tokens - 1);
    // Head by head: a ring that may close again must not hide that another head is full.
    if (heads.some((store, head) => store.numSlots > this.heads[head]!.numSlots)) this.#move(heads);
  }

  keepTokens(kept: readonly (KeptTokens | undefined)[]): void {
    const [out, back] = [new RowSpans(), new RowSpans()];
    let rows = 0;
    for (const [head, { firstSlot }] of this.heads.entries()) {
      const { first = 0, positions = [] } = kept[head] ?? {};
      for (const [index, position] of positions.entries()) {
        // By way of other memory: a row may be moved and overwritten.
        out.add(firstSlot + position, rows);
        back.add(rows++, firstSlot + first + index);
      }
    }
    const { dtype, columns } = cacheRow(this);
    using memory = this.backend.allocate([rows, columns], dtype);
    for (const tensor of [this.keys, this.values]) {
      out.copy(this.backend, tensor, memory);
      back.copy(this.backend, memory, tensor);
    }
  }

  settle(retentions: readonly Retention[]): void {
    const capacity = Math.max(...this.heads.map((store) => (store.type === "all" ? store.numSlots : 0)), this.length);
    const heads = this.#stores(retentions, capacity, 0);
    if (numSlots(heads) < numSlots(this.heads)) this.#move(heads);
  }

  fork(): ContiguousLayer {
    const copy = new ContiguousLayer(this.backend, this.numKeyValueHeads, this.headDim, this.dtype, 0, this.cacheType);
    try {
      copy.#move(this.heads, this);
    } catch (error) {
      copy.dispose();
      throw error;
    }
    copy.length = this.length;
    return copy;
  }

  dispose(): void {
    using scope = new MemoryScope();
    scope.track({ [Symbol.dispose]: () => this.#dropBounds() });
    scope.track({ [Symbol.dispose]: () => disposeBoth(this) });
  }

  /** They lie where the keys lay. */
  #dropBounds(): void {
    const { bounds } = this;
    this.bounds = undefined;
    this.boundedTokens = 0;
    bounds?.rows.dispose();
  }

  #stores(retentions: readonly Retention[], capacity: number, extraTokens: number): HeadStore[] {
    const dropsNothing = ({ type }: HeadStore) => type === "all";
    const wanted = retentions.map((each, head) => (dropsNothing(this.heads[head]!) ? worthwhileRetention(each, capacity, extraTokens) : each));
    return headStores(wanted, capacity, extraTokens);
  }

  #allocate(heads: readonly HeadStore[]): { keys: Tensor; values: Tensor; heads: readonly HeadStore[] } {
    const { dtype, columns } = cacheRow(this);
    const shape = [numSlots(heads), columns];
    const keys = this.backend.allocate(shape, dtype);
    try {
      return { keys, values: this.backend.allocate(shape, dtype), heads };
    } catch (error) {
      keys.dispose();
      throw error;
    }
  }

  /** Moves to other stores, with every position both have room for: its own, or those of another layer. */
  #move(heads: readonly HeadStore[], source: ContiguousLayer = this): void {
    const next = this.#allocate(heads);
    const spans: number[] = [];
    for (const [head, from] of source.heads.entries()) {
      const to = heads[head]!;
      for (const [start, end] of sharedRanges(from, to, source.length)) {
        for (const held of slotSpans(from, start, end)) {
          for (const target of slotSpans(to, held.position, held.position + held.count)) {
            spans.push(held.slot + target.position - held.position, target.slot, target.count);
          }
        }
      }
    }
    const { kernels } = this.backend;
    try {
      kernels.run(copySpans, { source: source.keys, destination: next.keys, spans: Int32Array.from(spans) });
      kernels.run(copySpans, { source: source.values, destination: next.values, spans: Int32Array.from(spans) });
    } catch (error) {
      disposeBoth(next);
      throw error;
    }
    const { keys, values } = this;
    // First, as freeing may fail.
    Object.assign(this, next);
    using scope = new MemoryScope();
    scope.track({ [Symbol.dispose]: () => this.#dropBounds() });
    scope.track({ [Symbol.dispose]: () => disposeBoth({ keys, values }) });
  }
}

/** Also the second when the first fails. */
function disposeBoth({ keys, values }: Pick<ContiguousLayer, "keys" | "values">): void {
  using scope = new MemoryScope();
  scope.track(values);
  scope.track(keys);
}
