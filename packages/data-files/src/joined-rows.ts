import type { RowSource } from "./row-source.js";

/** The rows of several sources, one after another; they are disposed with it. */
export class JoinedRows implements RowSource {
  readonly numRows: number;
  readonly parts: readonly number[];
  readonly readsAnyRow: boolean;
  readonly #starts: readonly number[];

  constructor(private readonly sources: readonly RowSource[]) {
    const starts: number[] = [];
    let rows = 0;
    for (const source of sources) {
      starts.push(rows);
      rows += source.numRows;
    }
    this.numRows = rows;
    this.#starts = starts;
    // What is shuffled file by file shows training one file's task at a time.
    const continues = (index: number) => index > 0 && sources[index]!.readsAnyRow === true && sources[index - 1]!.readsAnyRow === true;
    this.parts = sources.flatMap((source, index) => (continues(index) ? [] : source.parts.map((part) => part + starts[index]!)));
    this.readsAnyRow = sources.every((source) => source.readsAnyRow === true);
  }

  read(row: number): Promise<unknown> {
    const index = this.#sourceOf(row);
    return this.sources[index]!.read(row - this.#starts[index]!);
  }

  where(row: number): string {
    const index = this.#sourceOf(row);
    return this.sources[index]!.where(row - this.#starts[index]!);
  }

  [Symbol.dispose](): void {
    for (const source of this.sources) source[Symbol.dispose]();
  }

  #sourceOf(row: number): number {
    return this.#starts.findLastIndex((start) => start <= row);
  }
}
