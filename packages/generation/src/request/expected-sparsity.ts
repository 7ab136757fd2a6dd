/** How sparse requests have become whose routers cannot say so beforehand: what memory is predicted from. */
export class ExpectedSparsity {
  #sum = 0;
  #count = 0;

  /** Share of sparse heads so far; 0 before the first request. */
  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  /** @param assignment [layer][kvHead]: 0 is the retrieval mode */
  add(assignment: readonly (readonly number[])[]): void {
    const heads = assignment.flat();
    // Nothing is routed in a model whose layers all have a sliding window.
    if (heads.length === 0) return;
    this.#sum += heads.filter((mode) => mode > 0).length / heads.length;
    this.#count += 1;
  }
}
