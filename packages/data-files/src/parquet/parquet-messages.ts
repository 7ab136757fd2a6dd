/** What a thread needs to read a Parquet file. */
export interface ParquetThreadData {
  readonly path: string;
}

/** Asks for the rows from `start` to before `end`. */
export interface ReadRows {
  readonly start: number;
  readonly end: number;
}

/** Answers of the thread, one for its start and one for each question. */
export type ParquetAnswer =
  /** `parts`: the first row of each row group. */
  | { readonly type: "opened"; readonly numRows: number; readonly parts: readonly number[] }
  | { readonly type: "rows"; readonly rows: readonly unknown[] }
  | { readonly type: "failed"; readonly message: string };
