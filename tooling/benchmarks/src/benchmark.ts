import type { BenchmarkOptions } from "./command-line.js";
import type { Figure } from "./figures/figure.js";

/** What a benchmark found. */
export interface BenchmarkResult {
  readonly figures: readonly Figure[];
  /** What a reader must know to judge the figures: a peer that is absent, a check that failed. */
  readonly notes: readonly string[];
}

/** What a file `src/NAME.bench.ts` exports as `benchmark`; `pnpm bench NAME` runs it. */
export interface Benchmark {
  /** One line for the list that `pnpm bench` prints. */
  readonly description: string;
  /**
   * Measures. A benchmark that compares measures both sides in one run, in turns, and gives their ratio.
   *
   * @param progress Takes one line about what is being done; it goes to standard error.
   */
  run(options: BenchmarkOptions, progress: (line: string) => void): Promise<BenchmarkResult>;
}
