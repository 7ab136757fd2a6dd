import { type AttentionMode, type CacheSnapshot, type CacheType, type DecodePolicy, PagePool, SequenceCache } from "@elastic-attention/attention";
import { MemoryScope } from "@elastic-attention/core";
import type { Backend, FloatDType } from "@elastic-attention/tensor";
import type { ModelSpec } from "../model/model-spec.js";
import { lengthDependsBeyond } from "../model/rope/rope-spec.js";
import { slidingModes } from "../model/sliding-modes.js";

/** What is asked of a new cache. */
export interface CacheOptions {
  /** Default "routed". */
  readonly decode?: DecodePolicy;
  /** Tokens that will follow the prefill: room made once, so that decoding does not grow the cache. Default 0; pages need none. */
  readonly reserveTokens?: number;
  /** Whether keys and values are kept in pages of {@link SequenceCaches.pool}, where there is one. Default true. */
  readonly paged?: boolean;
  /** [layer][kvHead]: modes that were decided elsewhere; no router is asked then. */
  readonly modes?: readonly (readonly AttentionMode[])[];
}

/** How a sequence goes on from a snapshot. */
export interface ResumedCacheOptions {
  readonly decode?: DecodePolicy;
  /** Tokens of the snapshot that the sequence begins with; fewer than all only where it `isWhole`. Default all. */
  readonly length?: number;
  /** Whether the snapshot's plan holds; else a router decides. Default true. */
  readonly keepModes?: boolean;
}

/** Makes the caches of a model's sequences, all in one pool of pages where the backend has memory that grows in place. */
export class SequenceCaches implements Disposable {
  readonly #scope = new MemoryScope();
  #pool: PagePool | undefined;

  constructor(
    private readonly backend: Backend,
    private readonly spec: ModelSpec,
    private readonly dtype: FloatDType,
    /** What keys and values are kept in; undefined: `dtype`. */
    readonly cacheType?: CacheType,
  ) {}

  /** Undefined where caches have tensors of their own. */
  get pool(): PagePool | undefined {
    const { backend, dtype, cacheType, spec } = this;
    if (backend.reserve === undefined) return undefined;
    return (this.#pool ??= this.#scope.track(new PagePool({ backend, headDim: spec.headDim, dtype, cacheType })));
  }

  /** Whether keys of one sequence serve any other: they lie in pages, and no angle depends on how long a sequence becomes. */
  get canResume(): boolean {
    return this.pool !== undefined && this.spec.layers.every(({ rope }) => rope === undefined || lengthDependsBeyond(rope) === undefined);
  }

  /** Bytes of pages that there is memory for and that nobody uses. */
  get unusedPageBytes(): number {
    const { pool } = this;
    if (pool === undefined) return 0;
    const { pagesAllocated, pagesInUse } = pool.report();
    return (pagesAllocated - pagesInUse) * pool.pageBytes;
  }

  /** An empty cache; it takes memory when tokens come. */
  create({ decode = "routed", reserveTokens = 0, paged = true, modes }: CacheOptions = {}): SequenceCache {
    const pool = paged ? this.pool : undefined;
    return new SequenceCache({ ...this.#shape, decode, reserveTokens, ...(modes === undefined ? {} : { modes }), ...(pool === undefined ? {} : { pool }) });
  }

  /** A cache that goes on from a snapshot. @throws ShapeError as `SequenceCache.resume` */
  resume(snapshot: CacheSnapshot, { decode = "routed", ...options }: ResumedCacheOptions = {}): SequenceCache {
    return SequenceCache.resume({ ...this.#shape, decode, ...(this.pool === undefined ? {} : { pool: this.pool }) }, { snapshot, ...options });
  }

  get #shape() {
    const { backend, dtype, cacheType, spec } = this;
    const { numLayers, numKeyValueHeads, headDim } = spec;
    return { numLayers, numKeyValueHeads, headDim, fixedModes: slidingModes(spec), backend, dtype, cacheType };
  }

  [Symbol.dispose](): void {
    this.#scope.dispose();
  }
}
