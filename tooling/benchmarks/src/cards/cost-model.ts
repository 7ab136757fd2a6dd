/** What one card takes for its share, measured without the others. */
export interface ShareSeconds {
  readonly ranks: number;
  readonly prefill: number;
  readonly decode: number;
}

/** What a sum over two cards takes. */
export interface SumFigures {
  /** Seconds of a small sum. */
  readonly latency: number;
  /** Bytes a second from card to card, in each direction. */
  readonly bandwidth: number;
}

export interface PredictedWork {
  readonly layers: number;
  readonly hiddenSize: number;
  /** Tokens of the prompt, and sequences that decode together. */
  readonly tokens: number;
  readonly batch: number;
  /** Rows that are summed at once. */
  readonly chunkRows: number;
}

const bytesPerValue = 2;
const sumsPerLayer = 2;

/**
 * Seconds of a prefill and of a decode step on so many cards: the share's own time, and the sums. Each card sends what it has to
 * every other one, and all links work at once; a small sum waits for the slowest of them.
 */
export function predict(share: ShareSeconds, { latency, bandwidth }: SumFigures, { layers, hiddenSize, tokens, batch, chunkRows }: PredictedWork) {
  const sum = (rows: number) => latency + ((share.ranks - 1) * rows * hiddenSize * bytesPerValue) / bandwidth;
  const chunks = Math.ceil(tokens / chunkRows);
  return {
    prefill: share.prefill + (share.ranks === 1 ? 0 : layers * sumsPerLayer * chunks * sum(tokens / chunks)),
    decode: share.decode + (share.ranks === 1 ? 0 : (layers * sumsPerLayer + 1) * sum(batch)),
  };
}
