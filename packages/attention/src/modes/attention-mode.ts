/** Every head attends to all earlier tokens (FA). */
export interface FullMode {
  readonly kind: "full";
}

/** Sink and local blocks (SSA): block row i sees blocks j < sink or j > i - local, both counted in blocks. */
export interface StreamingMode {
  readonly kind: "streaming";
  /** Tokens always kept at the start; rounded up to whole blocks. */
  readonly sinkTokens: number;
  /** Tokens kept before and including the diagonal block; rounded up to whole blocks. */
  readonly localTokens: number;
  /** Tokens per block. */
  readonly blockSize: number;
}

/**
 * Sliding window attention (SWA), exact by row: position i sees j with i - windowTokens < j <= i. What a model was trained
 * with in some layers, not a choice of a router.
 */
export interface SlidingMode {
  readonly kind: "sliding";
  /** Tokens that a query sees, its own included. */
  readonly windowTokens: number;
}

/** Blocks chosen per query head from antidiagonal scores (XA). */
export interface XAttentionMode {
  readonly kind: "xattention";
  /** Queries and keys per antidiagonal group; divides `blockSize`. */
  readonly stride: number;
  /** Share of a row's estimated mass that the chosen blocks must reach, 0 to 1. */
  readonly threshold: number;
  /** Tokens per block. */
  readonly blockSize: number;
}

/** A mode added by a user with `registerAttentionMode`; its definition knows the rest of its settings. */
export interface CustomMode {
  readonly kind: string & {};
  readonly [setting: string]: unknown;
}

/** How a key-value head attends. Plain data: it can be stored, compared and sent to a worker. */
export type AttentionMode = FullMode | StreamingMode | SlidingMode | XAttentionMode | CustomMode;
