import { type Backend, copySpans, type FloatDType, ShapeError, type Tensor } from "@elastic-attention/tensor";
import type { AttentionMode } from "../modes/attention-mode.js";
import type { BlockPattern } from "../modes/block-pattern.js";
import { attentionModeDefinition } from "../modes/mode-registry.js";
import { cacheAppend } from "../operations/cache-append.js";
import { slotSpans } from "./head-slots.js";
import type { HeadStore, LayerCache } from "./layer-cache.js";
import { headStores, numSlots } from "./head-stores.js";

/** How decoding treats sparse heads: by their mode, or every head over the whole cache (the published behaviour). */
export type DecodePolicy = "routed" | "full";

export interface SequenceCacheOptions {
  readonly backend: Backend;
  readonly numLayers: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  readonly dtype: FloatDType;
  /** Default "routed". */
  readonly decode?: DecodePolicy;
  /** Tokens that will follow the prefill: room made once, so that decoding does not grow the cache. Default 0. */
  readonly reserveTokens?: number;
}

interface Layer extends LayerCache {
  length: number;
  keys: Tensor;
  values: Tensor;
  heads: readonly HeadStore[];
  modes: readonly AttentionMode[] | undefined;
}

/**
 * Keys and values of one sequence in all layers, and the routing that was decided for it. A layer is filled
 * (`append`), read by the attention call, and settled: heads whose mode does not need all tokens drop the rest before
 * the next layer begins.
 */
export class SequenceCache implements Disposable {
  readonly decode: DecodePolicy;
  readonly #layers: (Layer | undefined)[];
  #length = 0;

  constructor(private readonly options: SequenceCacheOptions) {
    this.decode = options.decode ?? "routed";
    this.#layers = Array.from({ length: options.numLayers }, () => undefined);
  }

  /** Tokens completed in every layer. */
  get length(): number {
    return this.#length;
  }

  get numLayers(): number {
    return this.options.numLayers;
  }

  /** Bytes that keys and values take now. */
  get byteLength(): number {
    return this.#layers.reduce((sum, layer) => sum + (layer ? layer.keys.storage.byteLength * 2 : 0), 0);
  }

  /** Bytes that the same tokens would take with every head full and no reserve. */
  get fullByteLength(): number {
    return this.#layers.reduce((sum, layer) => {
      if (layer === undefined) return sum;
      const bytesPerSlot = layer.keys.storage.byteLength / Math.max(1, numSlots(layer.heads));
      return sum + 2 * bytesPerSlot * layer.length * this.options.numKeyValueHeads;
    }, 0);
  }

  /** What kernels read of a layer. @throws ShapeError before the first append. */
  layer(index: number): LayerCache {
    const layer = this.#layers[index];
    if (layer === undefined) throw new ShapeError(`Layer ${index} of the cache is empty.`);
    return layer;
  }

  /** The mode of each key-value head, decided at the first prefill; undefined before. */
  modes(layer: number): readonly AttentionMode[] | undefined {
    return this.#layers[layer]?.modes;
  }

  /** Patterns of a layer's heads after the first prefill, by the decode policy. */
  decodePatterns(layer: number): readonly BlockPattern[] {
    const modes = this.modes(layer);
    if (modes === undefined || this.decode === "full") {
      return Array.from({ length: this.options.numKeyValueHeads }, () => ({ type: "full" }) as const);
    }
    return modes.map((mode) => attentionModeDefinition(mode).decodePattern(mode));
  }

  /**
   * Adds rotated keys and values [tokens, kvHeads, headDim] of new tokens to a layer, making room first. On
   * OutOfMemoryError the layer is as before.
   */
  append(index: number, keys: Tensor, values: Tensor): void {
    const tokens = keys.shape[0]!;
    const layer = this.#layers[index];
    if (layer === undefined) {
      const heads = headStores(this.#retentions(undefined), tokens + (this.options.reserveTokens ?? 0), 0);
      this.#layers[index] = { ...this.#allocate(heads), ...this.#fixed(), length: 0, modes: undefined };
    } else {
      this.#makeRoom(layer, tokens);
    }
    const target = this.#layers[index]!;
    keys.backend.kernels.run(cacheAppend, { keys, values, cache: target });
    target.length += tokens;
  }

  /**
   * Remembers the modes of a layer's heads (the first time) and drops what their retention does not need. Call it
   * after the layer's attention and before the next layer's append.
   */
  settle(index: number, modes?: readonly AttentionMode[]): void {
    const layer = this.#layers[index];
    if (layer === undefined) throw new ShapeError(`Layer ${index} of the cache is empty.`);
    layer.modes ??= modes;
    if (this.decode === "full") return;
    const capacity = Math.max(...layer.heads.map((store) => (store.type === "all" ? store.numSlots : 0)), layer.length);
    const heads = headStores(this.#retentions(layer.modes), capacity, 0);
    if (numSlots(heads) < numSlots(layer.heads)) this.#move(layer, heads);
  }

  /** Counts tokens as completed once every layer has them. */
  advance(tokens: number): void {
    this.#length += tokens;
  }

  dispose(): void {
    for (const layer of this.#layers) {
      layer?.keys.dispose();
      layer?.values.dispose();
    }
    this.#layers.fill(undefined);
    this.#length = 0;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #fixed(): { numKeyValueHeads: number; headDim: number } {
    return { numKeyValueHeads: this.options.numKeyValueHeads, headDim: this.options.headDim };
  }

  #retentions(modes: readonly AttentionMode[] | undefined) {
    return Array.from({ length: this.options.numKeyValueHeads }, (_, head) => {
      const mode = modes?.[head];
      if (mode === undefined || this.decode === "full") return { type: "all" } as const;
      return attentionModeDefinition(mode).retention(mode);
    });
  }

  #allocate(heads: readonly HeadStore[]): { keys: Tensor; values: Tensor; heads: readonly HeadStore[] } {
    const { backend, headDim, dtype } = this.options;
    const keys = backend.allocate([numSlots(heads), headDim], dtype);
    try {
      return { keys, values: backend.allocate([numSlots(heads), headDim], dtype), heads };
    } catch (error) {
      keys.dispose();
      throw error;
    }
  }

  /** Grows what is too small for `tokens` more: "all" heads by half, rings just for this append. */
  #makeRoom(layer: Layer, tokens: number): void {
    const needed = layer.length + tokens;
    const capacity = Math.min(...layer.heads.map((store) => (store.type === "all" ? store.numSlots : Infinity)));
    const grown = needed > capacity ? Math.max(needed, Math.ceil(capacity * 1.5)) : capacity;
    const heads = headStores(this.#retentions(layer.modes), Number.isFinite(grown) ? grown : needed, tokens - 1);
    // Head by head: a ring that may close again must not hide that another head is full.
    if (heads.some((store, head) => store.numSlots > layer.heads[head]!.numSlots)) this.#move(layer, heads);
  }

  /** Moves a layer to other stores, keeping every position both have room for. */
  #move(layer: Layer, heads: readonly HeadStore[]): void {
    const next = this.#allocate(heads);
    const spans: number[] = [];
    for (const [head, from] of layer.heads.entries()) {
      const to = heads[head]!;
      for (const [start, end] of sharedRanges(from, to, layer.length)) {
        for (const source of slotSpans(from, start, end)) {
          for (const target of slotSpans(to, source.position, source.position + source.count)) {
            spans.push(source.slot + target.position - source.position, target.slot, target.count);
          }
        }
      }
    }
    const { kernels } = this.options.backend;
    try {
      kernels.run(copySpans, { source: layer.keys, destination: next.keys, spans: Int32Array.from(spans) });
      kernels.run(copySpans, { source: layer.values, destination: next.values, spans: Int32Array.from(spans) });
    } catch (error) {
      next.keys.dispose();
      next.values.dispose();
      throw error;
    }
    layer.keys.dispose();
    layer.values.dispose();
    Object.assign(layer, next);
  }
}

/** Position ranges that two stores can both hold after `length` tokens. */
function sharedRanges(from: HeadStore, to: HeadStore, length: number): [number, number][] {
  const sink = Math.min(...[from, to].map((store) => (store.type === "all" ? length : store.sinkTokens)), length);
  const recent = Math.max(sink, ...[from, to].map((store) => (store.type === "all" ? 0 : length - store.ringTokens)));
  return [
    [0, sink],
    [recent, length],
  ];
}
