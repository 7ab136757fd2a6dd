/** How a head chooses pages by its query; a page is a block of the pattern. */
export interface PageChoice {
  /** Pages that are always read, at the start and at the end, the query's own among these. */
  readonly sinkBlocks: number;
  readonly localBlocks: number;
  /** Other pages that are read: so many, and so many 65536ths of the sequence's tokens, rounded up to whole pages. */
  readonly budgetPages: number;
  readonly budgetParts: number;
}

/** Pages between sink and window that a query in block `queryBlock` may choose from: [sinkBlocks, end). */
export function candidatesEnd({ sinkBlocks, localBlocks }: PageChoice, queryBlock: number): number {
  return Math.max(sinkBlocks, queryBlock - localBlocks + 1);
}

/** Pages that are chosen of `candidates` when the sequence has `length` tokens. In whole numbers, so that devices agree. */
export function chosenPages({ budgetPages, budgetParts }: PageChoice, pageTokens: number, length: number, candidates: number): number {
  return Math.min(candidates, budgetPages + Math.ceil((length * budgetParts) / (65536 * pageTokens)));
}
