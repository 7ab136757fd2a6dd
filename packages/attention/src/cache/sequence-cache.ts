import { MemoryScope, ShapeError } from "@elastic-attention/core";
import type { Backend, Tensor } from "@elastic-attention/tensor";
import type { AttentionMode } from "../modes/attention-mode.js";
import type { KnownPatterns } from "../patterns/head-patterns.js";
import { cacheAppend } from "../operations/cache-append.js";
import { CacheSnapshot, type LayerSnapshot, type ResumeOptions } from "./cache-snapshot.js";
import { Checkpoints } from "./checkpoints.js";
import { ContiguousLayer } from "./contiguous-layer.js";
import { fullKeyValueBytes, type KeyValueShape } from "./key-value-bytes.js";
import type { KeptTokens } from "./keep-chosen.js";
import type { LayerCache } from "./layer-cache.js";
import { type DecodePolicy, LayerModes, type LayerModesOptions } from "./layer-modes.js";
import type { LayerStorage } from "./layer-storage.js";
import { PagedLayer } from "./pages/paged-layer.js";
import type { PagePool } from "./pages/page-pool.js";
import { updateBounds } from "./bounds/update-bounds.js";

export interface SequenceCacheOptions extends KeyValueShape, LayerModesOptions {
  readonly backend: Backend;
  /** Tokens that will follow the prefill: room made once, so that decoding does not grow the cache. Default 0; pages need none. */
  readonly reserveTokens?: number;
  /** Where keys and values are kept in pages, with those of other sequences. Without one, each layer has tensors of its own. */
  readonly pool?: PagePool;
}

/**
 * Keys and values of one sequence in all layers, and the routing that was decided for it. A layer is filled
 * (`append`), read by the attention call, and settled: heads whose mode does not need all tokens drop the rest before
 * the next layer begins.
 */
export class SequenceCache implements Disposable {
  readonly #layers: (LayerStorage | undefined)[];
  readonly #modes: LayerModes;
  #length = 0;
  /** What {@link layoutVersion} had counted of layers that are gone. */
  #forgottenVersions = 0;
  #checkpoints: Checkpoints | undefined;

  constructor(private readonly options: SequenceCacheOptions) {
    this.#modes = new LayerModes(options);
    this.#layers = Array.from({ length: options.numLayers }, () => undefined);
  }

  /**
   * A sequence that goes on from a snapshot: it shares the snapshot's pages, and copies those it writes to. Nothing is
   * allocated before tokens come.
   *
   * @throws ShapeError for a snapshot of other layers, of another pool, or of heads that no longer hold what the length needs
   */
  static resume(options: SequenceCacheOptions, { snapshot, length = snapshot.length, keepModes = true }: ResumeOptions): SequenceCache {
    const { pool, layers } = snapshot;
    if (pool !== options.pool || layers.length !== options.numLayers) throw new ShapeError("The snapshot was taken of another model's cache.");
    if (length > snapshot.length || (length < snapshot.length && !snapshot.isWhole)) {
      throw new ShapeError(`A snapshot of ${snapshot.length} tokens cannot be resumed at ${length}.`);
    }
    const cache = new SequenceCache(options);
    for (const [index, { heads, modes }] of layers.entries()) {
      cache.#layers[index] = PagedLayer.resume(pool, options.headDim, heads, length);
      if (keepModes) cache.#modes.settle(index, modes);
    }
    cache.#length = length;
    return cache;
  }

  /** What it holds now, for others to go on from; undefined for a cache without pages. The caller disposes it. */
  snapshot(): CacheSnapshot | undefined {
    const { pool } = this;
    if (pool === undefined || this.#length === 0) return undefined;
    const layers = this.#layers.map((_, index): LayerSnapshot => {
      return { heads: (this.#layer(index) as PagedLayer).snapshot(), modes: this.#modes.settledOf(index) };
    });
    return new CacheSnapshot(pool, this.#length, layers);
  }

  /**
   * Has the next prefill take snapshots at these lengths on its way; without pages there are none.
   *
   * @param lengths beyond the present one, each a whole number of pages
   */
  requestCheckpoints(lengths: readonly number[]): void {
    this.#checkpoints?.[Symbol.dispose]();
    this.#checkpoints = this.pool === undefined || lengths.length === 0 ? undefined : new Checkpoints(this.pool, lengths);
  }

  /** The snapshots that were requested, as far as they could be taken; they are the caller's. */
  takeCheckpoints(): readonly CacheSnapshot[] {
    const taken = this.#checkpoints?.finish(this.numLayers, (layer) => this.#modes.settledOf(layer)) ?? [];
    this.#checkpoints = undefined;
    return taken;
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
    return this.#layers.reduce((sum, layer) => sum + (layer?.byteLength ?? 0), 0);
  }

  /** Bytes that the same tokens would take with every head full and no reserve. */
  get fullByteLength(): number {
    const tokens = this.#layers.reduce((sum, layer) => sum + (layer?.length ?? 0), 0);
    return fullKeyValueBytes({ ...this.options, numLayers: 1 }, tokens);
  }

  /** Tokens that a head which keeps everything has, or would have, room for: those of the cache, a reserve, whole pages. */
  get capacity(): number {
    const pageTokens = this.pool?.pageTokens ?? 1;
    const heads = this.#layers.flatMap((layer) => layer?.heads ?? []);
    const slots = heads.map(({ type, numSlots }) => (type === "all" ? numSlots : 0));
    return Math.max(Math.ceil(this.#length / pageTokens) * pageTokens, ...slots);
  }

  /** The pool that its pages come from, if any. */
  get pool(): PagePool | undefined {
    return this.options.pool;
  }

  /** Changes whenever what a kernel must know of the layers, besides their length and page tables, changes. */
  get layoutVersion(): number {
    return this.#layers.reduce((sum, layer) => sum + (layer instanceof PagedLayer ? layer.version : 0), this.#forgottenVersions);
  }

  /** What kernels read of a layer. @throws ShapeError before the first append. */
  layer(index: number): LayerCache {
    return this.#layer(index);
  }

  get decode(): DecodePolicy {
    return this.#modes.decode;
  }

  /** The mode of each key-value head: as the model fixes it, or as decided at the first prefill; undefined before. */
  modes(layer: number): readonly AttentionMode[] | undefined {
    return this.#modes.of(layer);
  }

  /** Patterns of a layer's heads in a decode step, by the decode policy; "selected" ones are chosen by the step's query. */
  decodePatterns(layer: number): KnownPatterns {
    return this.#modes.decodePatterns(layer);
  }

  /** The same in the prompts of later turns, but for the prompts' ends. */
  laterPatterns(layer: number): KnownPatterns {
    return this.#modes.laterPatterns(layer);
  }

  /** Whether the decode policy has all heads of a layer read everything, whatever their modes. */
  keepsAll(layer: number): boolean {
    return this.#modes.keepsAll(layer);
  }

  /** Whether heads choose pages in a decode step. */
  get choosesPages(): boolean {
    return this.#modes.choosesPages;
  }

  /** Brings the bounds of a layer's pages up to date, where heads choose pages. @param length tokens whose keys are there; default all */
  boundPages(index: number, length = this.#layer(index).length): void {
    const modes = this.modes(index);
    if (modes !== undefined && !this.keepsAll(index)) updateBounds(this.#layer(index), modes, length);
  }

  /**
   * Adds rotated keys and values [tokens, kvHeads, headDim] of new tokens to a layer, making room first. On
   * OutOfMemoryError the layer is as before.
   */
  append(index: number, keys: Tensor, values: Tensor): void {
    const tokens = keys.shape[0]!;
    const storage = this.#layers[index] ?? this.#newStorage(tokens);
    try {
      storage.makeRoom(this.#modes.retentions(index), tokens);
      keys.backend.kernels.run(cacheAppend, { keys, values, cache: storage });
    } catch (error) {
      if (this.#layers[index] === undefined) storage.dispose();
      throw error;
    }
    this.#layers[index] = storage;
    storage.length += tokens;
  }

  /**
   * Makes room for more tokens in every layer, for a step that writes them by itself.
   * @throws OutOfMemoryError, and the room made so far stays; ShapeError before the first append
   */
  makeRoom(tokens: number): void {
    for (const index of this.#layers.keys()) {
      this.#layer(index).makeRoom(this.#modes.retentions(index), tokens);
    }
  }

  /** Counts the next tokens that such a step has written to every layer, and completes them; those it does not count are overwritten. */
  countWritten(tokens: number): void {
    for (const index of this.#layers.keys()) {
      const storage = this.#layer(index);
      storage.length += tokens;
      // The step has bounded the pages that it completed.
      if (storage.bounds !== undefined) storage.boundedTokens = storage.length;
    }
    this.advance(tokens);
  }

  /**
   * Remembers the modes of a layer's heads (the first time) and drops what their retention does not need. Call it
   * after the layer's attention and before the next layer's append.
   */
  settle(index: number, modes?: readonly AttentionMode[]): void {
    const storage = this.#layer(index);
    this.#modes.settle(index, modes);
    const retentions = this.#modes.retentions(index);
    if (storage instanceof PagedLayer) this.#checkpoints?.take(storage, index, retentions);
    if (this.keepsAll(index)) return;
    storage.settle(retentions);
    this.boundPages(index);
  }

  /** Has heads of a layer that is about to be settled keep chosen tokens in their first slots. @throws OutOfMemoryError, and the layer is as before then */
  keepTokens(index: number, kept: readonly (KeptTokens | undefined)[]): void {
    this.#layer(index).keepTokens(kept);
  }

  /** Counts tokens as completed once every layer has them. */
  advance(tokens: number): void {
    this.#length += tokens;
  }

  /** A cache of its own that goes on from the same tokens, under the same routing. @throws OutOfMemoryError, and nothing stays */
  fork(): SequenceCache {
    const copy = new SequenceCache(this.options);
    try {
      for (const [index, layer] of this.#layers.entries()) {
        if (layer !== undefined) copy.#layers[index] = layer.fork();
      }
    } catch (error) {
      copy.dispose();
      throw error;
    }
    copy.#modes.copy(this.#modes);
    copy.#length = this.#length;
    return copy;
  }

  /** Gives all memory back and keeps the modes: the sequence is to be read again under them. */
  forgetTokens(): void {
    this.#modes.keep(this.numLayers);
    this.#disposeStorage();
  }

  /**
   * Forgets the tokens that a step has written to some layers, or to all: the step can be taken again, and writes them where
   * they were. With room made for all of them (`makeRoom`), nothing that their predecessors see has been overwritten.
   *
   * @param length tokens before the step
   */
  undoStep(length: number): void {
    for (const layer of this.#layers) {
      if (layer !== undefined) Object.assign(layer, { length, boundedTokens: Math.min(layer.boundedTokens, length) });
    }
    this.#length = length;
  }

  /** Frees all layers, also when the backend fails at one; its first error is thrown at the end. */
  dispose(): void {
    this.#modes.clear();
    this.#disposeStorage();
  }

  #disposeStorage(): void {
    using scope = new MemoryScope();
    if (this.#checkpoints !== undefined) scope.track(this.#checkpoints);
    this.#checkpoints = undefined;
    // Layers that are filled again count from 0, and lie elsewhere.
    this.#forgottenVersions = this.layoutVersion + 1;
    for (const layer of this.#layers) if (layer !== undefined) scope.track({ [Symbol.dispose]: () => layer.dispose() });
    this.#layers.fill(undefined);
    this.#length = 0;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #layer(index: number): LayerStorage {
    const layer = this.#layers[index];
    if (layer === undefined) throw new ShapeError(`Layer ${index} of the cache is empty.`);
    return layer;
  }

  #newStorage(tokens: number): LayerStorage {
    const { backend, numKeyValueHeads, headDim, dtype, cacheType, pool, reserveTokens = 0 } = this.options;
    if (pool !== undefined) return new PagedLayer(pool, numKeyValueHeads, headDim);
    return new ContiguousLayer(backend, numKeyValueHeads, headDim, dtype, tokens + reserveTokens, cacheType);
  }
}
