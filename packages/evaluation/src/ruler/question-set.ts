/** Questions with the documents that answer them; what the two question tasks are made from. */
export interface QuestionSet {
  readonly documents: readonly string[];
  readonly questions: readonly {
    readonly question: string;
    readonly answers: readonly string[];
    /** Indices of the documents that stand in every prompt. */
    readonly documents: readonly number[];
    /** Indices of documents that fill up first: those of the same article. */
    readonly related: readonly number[];
  }[];
  /** Says where the set is from, in records. */
  readonly source: string;
}
