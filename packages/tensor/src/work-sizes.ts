/** How much work a device is given at once: what keeps it busy, and lets others have their turn soon. */
export interface WorkSizes {
  /**
   * Rows that norms, projections and the MLP take at a time: enough to fill the device, few enough that a chunk's
   * activations stay small (and, on a CPU, in its caches).
   */
  readonly chunkRows: number;
  /** Query-key pairs, summed over key-value heads, that attention reads in some milliseconds: a slice between two decode steps. */
  readonly slicePairs: number;
  /** Slices issued before the first is waited for: with two, a GPU has its next slice when one is done. */
  readonly slicesInFlight: number;
  /** Whether decode steps may have rows that belong to no sequence, where these cost next to nothing. Default true. */
  readonly emptyDecodeRows?: boolean;
  /**
   * Rows of a decode step up to which sequences may bring drafts besides their last tokens. On a device that promises that a
   * sequence has the same bits alone and in a batch, no more than its products compute alike. Default 64.
   */
  readonly draftedRows?: number;
  /** Whether attention reads a cache in 8 bits as it lies; else prompts attend to one layer of it as floats. Default false. */
  readonly readsRoundedCache?: boolean;
}

/** Of backends that compute on the host's processor. */
export const hostWorkSizes: WorkSizes = { chunkRows: 1024, slicePairs: 2 ** 24, slicesInFlight: 1, emptyDecodeRows: false };
