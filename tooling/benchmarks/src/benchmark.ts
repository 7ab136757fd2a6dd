/** What a file `src/NAME.bench.ts` exports as `benchmark`; `pnpm bench NAME` runs it. */
export interface Benchmark {
  /** One line for the list that `pnpm bench` prints. */
  readonly description: string;
  /**
   * Measures and prints. A benchmark that compares measures both sides in one run and prints their ratio.
   *
   * @param args What followed the name on the command line.
   */
  run(args: readonly string[]): Promise<void>;
}
