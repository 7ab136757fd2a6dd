/** Rows of a data file, by number. */
export interface RowSource extends Disposable {
  readonly numRows: number;
  /**
   * First row of each part that is read as one piece (a row group of a Parquet file), so that a shuffled order can
   * stay within a part; a source with cheap access to any row is one part.
   */
  readonly parts: readonly number[];
  /** @throws TrainingDataError */
  read(row: number): Promise<unknown>;
  /** For people: file and row. */
  where(row: number): string;
}
