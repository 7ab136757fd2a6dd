/**
 * Ratcliff-Obershelp similarity of two sequences, 0 to 1: twice the number of matched elements over the length of both,
 * where the longest common run is matched first and the parts before and behind it are matched in the same way.
 *
 * As in Python's difflib, elements that make up more than 1% of a second sequence of 200 or more do not start a run.
 */
export function sequenceSimilarity(left: readonly string[], right: readonly string[]): number {
  if (left.length + right.length === 0) return 1;
  const positions = runStarts(right);
  let matched = 0;
  const open = [{ leftStart: 0, leftEnd: left.length, rightStart: 0, rightEnd: right.length }];
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    const { leftStart, leftEnd, rightStart, rightEnd } = part;
    const run = longestRun(left, right, positions, part);
    if (run.size === 0) continue;
    matched += run.size;
    if (leftStart < run.left && rightStart < run.right) open.push({ leftStart, leftEnd: run.left, rightStart, rightEnd: run.right });
    const leftNext = run.left + run.size;
    const rightNext = run.right + run.size;
    if (leftNext < leftEnd && rightNext < rightEnd) open.push({ leftStart: leftNext, leftEnd, rightStart: rightNext, rightEnd });
  }
  return (2 * matched) / (left.length + right.length);
}

interface Part {
  readonly leftStart: number;
  readonly leftEnd: number;
  readonly rightStart: number;
  readonly rightEnd: number;
}

/** Where each element stands, without those too frequent to start a run. */
function runStarts(sequence: readonly string[]): Map<string, number[]> {
  const positions = new Map<string, number[]>();
  for (const [index, element] of sequence.entries()) {
    const list = positions.get(element);
    if (list === undefined) positions.set(element, [index]);
    else list.push(index);
  }
  if (sequence.length >= 200) {
    const most = Math.floor(sequence.length / 100) + 1;
    for (const [element, list] of positions) if (list.length > most) positions.delete(element);
  }
  return positions;
}

/** The longest run of equal elements in a part; of several the one that begins first on the left, then on the right. */
function longestRun(left: readonly string[], right: readonly string[], positions: ReadonlyMap<string, readonly number[]>, part: Part) {
  const { leftStart, leftEnd, rightStart, rightEnd } = part;
  let best = { left: leftStart, right: rightStart, size: 0 };
  // Length of the run that ends at each position of the right sequence, for the element of the left one before.
  let previous = new Map<number, number>();
  for (let at = leftStart; at < leftEnd; at++) {
    const current = new Map<number, number>();
    for (const position of positions.get(left[at]!) ?? []) {
      if (position < rightStart) continue;
      if (position >= rightEnd) break;
      const size = (previous.get(position - 1) ?? 0) + 1;
      current.set(position, size);
      if (size > best.size) best = { left: at - size + 1, right: position - size + 1, size };
    }
    previous = current;
  }
  // Frequent elements do not start a run but prolong it.
  let { left: from, right: rightFrom, size } = best;
  while (from > leftStart && rightFrom > rightStart && left[from - 1] === right[rightFrom - 1]) {
    from -= 1;
    rightFrom -= 1;
    size += 1;
  }
  while (from + size < leftEnd && rightFrom + size < rightEnd && left[from + size] === right[rightFrom + size]) size += 1;
  return { left: from, right: rightFrom, size };
}
