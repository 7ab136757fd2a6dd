import { type AttentionSequence, type BlockPattern, shortenedCache, waitForPatterns } from "@elastic-attention/attention";

/** Query rows that begin and end a slice: tiles of kernels are never cut, so slices compute what the whole would. */
const alignment = 128;
/** Fewer rows than this leave a large device idle. */
const leastRows = 1024;

/**
 * Cuts an attention call into calls of at most about `mostPairs` query-key pairs, summed over key-value heads: what
 * runs between two turns of others. A sequence whose blocks were selected stays whole, as its mask belongs to all rows.
 */
export function attentionSlices(sequences: readonly AttentionSequence[], mostPairs: number): (readonly AttentionSequence[])[] {
  if (pairsAtMost(sequences) <= mostPairs) return [sequences];
  return sequences.flatMap((sequence) => {
    const { patterns, mask } = waitForPatterns(sequence.routing);
    if (mask !== undefined) return [[sequence]];
    const slices: AttentionSequence[][] = [];
    for (let start = 0; start < sequence.length; ) {
      const end = sliceEnd(sequence, patterns, start, mostPairs);
      const { cache, length } = sequence;
      // Keys behind the slice are not there yet, as far as its queries can tell.
      const seen = shortenedCache(cache, cache.length - length + end);
      slices.push([{ ...sequence, start: sequence.start + start, length: end - start, cache: seen }]);
      start = end;
    }
    return slices;
  });
}

/** Query-key pairs of a call, summed over key-value heads; heads that a device still decides count as if they read everything. */
export function pairsAtMost(sequences: readonly AttentionSequence[]): number {
  return sequences.reduce((sum, sequence) => {
    const { cache, length, routing } = sequence;
    const pairs = routing.type === "decision" ? cache.numKeyValueHeads * length * cache.length : pairsOf(sequence, routing.patterns, 0, length);
    return sum + pairs;
  }, 0);
}

function sliceEnd(sequence: AttentionSequence, patterns: readonly BlockPattern[], start: number, mostPairs: number): number {
  const offset = sequence.cache.length - sequence.length;
  const aligned = (row: number) => Math.ceil((offset + row) / alignment) * alignment - offset;
  let end = aligned(start + leastRows);
  while (end < sequence.length) {
    const next = aligned(end + leastRows);
    if (pairsOf(sequence, patterns, start, Math.min(next, sequence.length)) > mostPairs) break;
    end = next;
  }
  return Math.min(end, sequence.length);
}

/** Pairs of rows [start, end) of a sequence, summed over key-value heads. */
function pairsOf({ cache, length }: AttentionSequence, patterns: readonly BlockPattern[], start: number, end: number): number {
  const middle = cache.length - length + (start + end) / 2;
  return patterns.reduce((sum, pattern) => sum + (end - start) * Math.min(middle, windowOf(pattern)), 0);
}

function windowOf(pattern: BlockPattern): number {
  if (pattern.type === "sliding") return pattern.windowTokens;
  return pattern.type === "streaming" ? (pattern.sinkBlocks + pattern.localBlocks) * pattern.blockSize : Infinity;
}
