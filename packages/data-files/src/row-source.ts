/** Rows of a data file, by number. */
export interface RowSource extends Disposable {
  readonly numRows: number;
  /**
   * First row of each part that is read as one piece (a row group of a Parquet file), so that a shuffled order can
   * stay within a part; a source with cheap access to any row is one part.
   */
  readonly parts: readonly number[];
  /** Whether any row is as cheap to read as the next: neighbouring sources of the kind are shuffled as one part. */
  readonly readsAnyRow?: boolean;
  /** @throws the caller's error, naming the file and the row */
  read(row: number): Promise<unknown>;
  /** For people: file and row. */
  where(row: number): string;
}

/** Makes the error of the package that reads the files: what is wrong and where, and what to do about it. */
export type MakeError = (message: string, options: { hint?: string; cause?: unknown }) => Error;

/** What reading may take. */
export interface RowLimits {
  /** How long opening a Parquet file or reading one of its row groups may take. Default: 10 s and 0.5 s for each megabyte. */
  readonly milliseconds?: number;
}
