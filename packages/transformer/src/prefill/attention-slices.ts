import { type AttentionSequence, type BlockPattern, shortenedCache } from "@elastic-attention/attention";

/** Query rows that begin and end a slice: tiles of kernels are never cut, so slices compute what the whole would. */
const alignment = 128;
/** Fewer rows than this leave a large device idle. */
const leastRows = 1024;

/**
 * Cuts an attention call into calls of at most about `mostPairs` query-key pairs, summed over key-value heads: what
 * runs between two turns of others. A sequence whose blocks were selected stays whole, as its mask belongs to all rows.
 */
export function attentionSlices(sequences: readonly AttentionSequence[], mostPairs: number): (readonly AttentionSequence[])[] {
  // What a device still decides is not asked for where it makes no difference.
  const atMost = sequences.reduce((sum, { cache, length }) => sum + cache.numKeyValueHeads * length * cache.length, 0);
  if (atMost <= mostPairs) return [sequences];
  if (sequences.reduce((sum, sequence) => sum + pairsOf(sequence, 0, sequence.length), 0) <= mostPairs) return [sequences];
  return sequences.flatMap((sequence) => {
    if (sequence.mask !== undefined) return [[sequence]];
    const slices: AttentionSequence[][] = [];
    for (let start = 0; start < sequence.length; ) {
      const end = sliceEnd(sequence, start, mostPairs);
      const { cache, length } = sequence;
      // Keys behind the slice are not there yet, as far as its queries can tell.
      const seen = shortenedCache(cache, cache.length - length + end);
      slices.push([{ ...sequence, start: sequence.start + start, length: end - start, cache: seen }]);
      start = end;
    }
    return slices;
  });
}

function sliceEnd(sequence: AttentionSequence, start: number, mostPairs: number): number {
  const offset = sequence.cache.length - sequence.length;
  const aligned = (row: number) => Math.ceil((offset + row) / alignment) * alignment - offset;
  let end = aligned(start + leastRows);
  while (end < sequence.length) {
    const next = aligned(end + leastRows);
    if (pairsOf(sequence, start, Math.min(next, sequence.length)) > mostPairs) break;
    end = next;
  }
  return Math.min(end, sequence.length);
}

/** Pairs of rows [start, end) of a sequence, summed over key-value heads. */
function pairsOf({ cache, length, patterns }: AttentionSequence, start: number, end: number): number {
  const middle = cache.length - length + (start + end) / 2;
  return patterns.reduce((sum, pattern) => sum + (end - start) * Math.min(middle, windowOf(pattern)), 0);
}

function windowOf(pattern: BlockPattern): number {
  return pattern.type === "streaming" ? (pattern.sinkBlocks + pattern.localBlocks) * pattern.blockSize : Infinity;
}
