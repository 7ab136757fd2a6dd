/** Looks up what merging knows of a piece of text. */
export type ScoreOf = (piece: string) => number | undefined;

/**
 * Cuts a text into pieces as a sentencepiece BPE vocabulary does: from single characters on, the pair of neighbours whose
 * union has the highest score is merged, of equal ones the leftmost, until no union is a piece. n log n in the length of
 * the text.
 */
export function mergePieces(text: string, scoreOf: ScoreOf): string[] {
  const starts: number[] = [];
  for (let at = 0; at < text.length; at += text.codePointAt(at)! > 0xffff ? 2 : 1) starts.push(at);
  const count = starts.length;
  /** Where each piece that is left ends; 0 for one that was merged into the piece before. */
  const ends = Int32Array.from(starts, (_, i) => starts[i + 1] ?? text.length);
  const previous = Int32Array.from(starts, (_, i) => i - 1);
  const next = Int32Array.from(starts, (_, i) => i + 1);
  const pairs = new PairQueue();
  const offer = (left: number, right: number): void => {
    if (left < 0 || right >= count) return;
    const score = scoreOf(text.slice(starts[left]!, ends[right]!));
    if (score !== undefined) pairs.push({ score, left, right, end: ends[right]! });
  };
  for (let i = 0; i + 1 < count; i++) offer(i, i + 1);
  for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
    const { left, right, end } = pair;
    // One of the two was merged with another since, or grew.
    if (ends[left] === 0 || next[left] !== right || ends[right] !== end) continue;
    ends[left] = end;
    ends[right] = 0;
    const after = next[right]!;
    next[left] = after;
    if (after < count) previous[after] = left;
    offer(previous[left]!, left);
    offer(left, after);
  }
  const pieces: string[] = [];
  for (let i = 0; i < count; i = next[i]!) pieces.push(text.slice(starts[i]!, ends[i]!));
  return pieces;
}

/** Two neighbours that may be merged; `end` tells whether the right one is still the one that was looked at. */
interface Pair {
  readonly score: number;
  readonly left: number;
  readonly right: number;
  readonly end: number;
}

/** A binary heap: highest score first, of equal ones the leftmost. */
class PairQueue {
  readonly #heap: Pair[] = [];

  push(pair: Pair): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(pair);
    for (; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!comesBefore(pair, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = pair;
  }

  pop(): Pair | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && comesBefore(heap[child + 1]!, heap[child]!)) child += 1;
      if (!comesBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function comesBefore(a: Pair, b: Pair): boolean {
  return a.score > b.score || (a.score === b.score && a.left < b.left);
}
