/** What every mode may have besides its own settings. */
export interface ModeEnds {
  /** Last rows of a prompt that read everything, whole blocks where the mode chooses blocks. Default none. */
  readonly denseRows?: number;
}

/** Every head attends to all earlier tokens (FA). */
export interface FullMode extends ModeEnds {
  readonly kind: "full";
}

/** Sink and local blocks (SSA): block row i sees blocks j < sink or j > i - local, both counted in blocks. */
export interface StreamingMode extends ModeEnds {
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
export interface SlidingMode extends ModeEnds {
  readonly kind: "sliding";
  /** Tokens that a query sees, its own included. */
  readonly windowTokens: number;
}

/** Blocks chosen per query head from antidiagonal scores (XA). */
export interface XAttentionMode extends ModeEnds {
  readonly kind: "xattention";
  /** Queries and keys per antidiagonal group; divides `blockSize`. */
  readonly stride: number;
  /** Share of a row's estimated mass that the chosen blocks must reach, 0 to 1. */
  readonly threshold: number;
  /** Tokens per block. */
  readonly blockSize: number;
}

/** Blocks chosen per query head by their weight for some rows of each query block (FP). */
export interface FlashPrefillMode extends ModeEnds {
  readonly kind: "flash-prefill";
  /** Tokens per block. */
  readonly blockSize: number;
  /** Every so many-th row of a query block looks for blocks. */
  readonly stride: number;
  /** Blocks are read whose weight is at least this share of the row's largest, 0 to 1. */
  readonly alpha: number;
}

/**
 * Pages by query: all keys and values are kept, prompts are read whole, and a decoded token reads sink, window, and the best of
 * the other pages by an upper bound of q · k.
 */
export interface PagesMode extends ModeEnds {
  readonly kind: "pages";
  /** Tokens always read at the start and at the end, rounded up to whole pages. */
  readonly sinkTokens: number;
  readonly localTokens: number;
  /** Tokens of a page: 16, 32 or 64. */
  readonly pageTokens: number;
  /** What is read of the other pages: up to 1 a share of the sequence's tokens, above it tokens; rounded up to whole pages. */
  readonly budget: number;
  /** Last rows of a prompt that choose pages as decoded tokens do. Default none. */
  readonly promptRows?: number;
}

/**
 * Chosen retention: reads a prompt as a streaming head does; afterwards sink, window, and the tokens that the prompt's last rows
 * attended to.
 */
export interface SnapMode extends ModeEnds {
  readonly kind: "snap";
  /** As of a streaming head. */
  readonly sinkTokens: number;
  readonly localTokens: number;
  readonly blockSize: number;
  /** Tokens that are kept besides, rounded up to whole blocks. */
  readonly keptTokens: number;
  /** Last rows of the prompt whose attention chooses. */
  readonly scoringRows: number;
  /** Tokens over which the attention is averaged, so that neighbours are kept together; odd. */
  readonly poolTokens: number;
}

/**
 * Skipped tiles: everything is kept and looked at, and keys that weigh next to nothing beside those before are neither
 * exponentiated nor multiplied by values.
 */
export interface ThresholdMode extends ModeEnds {
  readonly kind: "threshold";
  /** What is left out weighs less than this many of the heaviest key together; 0: nothing is left out. */
  readonly factor: number;
}

/** A mode added by a user with `registerAttentionMode`; its definition knows the rest of its settings. */
export interface CustomMode {
  readonly kind: string & {};
  readonly [setting: string]: unknown;
}

/** How a key-value head attends. Plain data: it can be stored, compared and sent to a worker. */
export type AttentionMode = FullMode | StreamingMode | SlidingMode | XAttentionMode | FlashPrefillMode | PagesMode | SnapMode | ThresholdMode | CustomMode;
