import type { EvaluationSample, EvaluationSuite, EvaluationTask, SampleOptions } from "../suite.js";

/** A suite with those of its tasks that are run. */
export interface PlannedSuite {
  readonly suite: EvaluationSuite;
  readonly tasks: readonly EvaluationTask[];
  /** Target lengths in tokens; default: the suite's own. */
  readonly lengths?: readonly number[];
  /** Samples of each task and length; default: the suite's own number. */
  readonly samplesPerTask?: number;
}

/** What samples of all suites are made with. */
export type SharedSampleOptions = Omit<SampleOptions, "lengths" | "samplesPerTask">;

/** The options for one suite's samples. */
export function suiteOptions({ lengths, samplesPerTask }: PlannedSuite, shared: SharedSampleOptions): SampleOptions {
  return {
    ...shared,
    ...(lengths === undefined ? {} : { lengths }),
    ...(samplesPerTask === undefined ? {} : { samplesPerTask }),
  };
}

/** One sample of a run, with its place among all of them. */
export interface PlannedSample {
  readonly suite: EvaluationSuite;
  readonly task: EvaluationTask;
  readonly sample: EvaluationSample;
  readonly index: number;
  /** Place among the samples of the same task and length. */
  readonly repetition: number;
}

/** What is known of a sample once it was made. */
export interface SampleOutline {
  readonly suite: string;
  readonly id: string;
  /** Characters of its text: what its cost is guessed from. */
  readonly characters: number;
  readonly repetition: number;
}

/** Texts beyond this many characters are made again when they are needed instead of being kept. */
const keptCharacters = 256 * 2 ** 20;

/**
 * All samples of a run. They are made once to be counted, so that the time left is known from the beginning, and kept as far
 * as there is room; the same options give the same samples again.
 */
export class SamplePlan {
  readonly outlines: SampleOutline[] = [];
  readonly #kept = new Map<EvaluationTask, readonly EvaluationSample[]>();

  private constructor(
    private readonly suites: readonly PlannedSuite[],
    private readonly options: SharedSampleOptions,
  ) {}

  /**
   * @param onTask called before each task's samples are made
   * @throws SampleError, DatasetError, the signal's reason
   */
  static async make(
    suites: readonly PlannedSuite[],
    options: SharedSampleOptions,
    onTask: (done: number, total: number) => void = () => {},
    signal?: AbortSignal,
  ): Promise<SamplePlan> {
    const plan = new SamplePlan(suites, options);
    const total = suites.reduce((sum, { tasks }) => sum + tasks.length, 0);
    let [done, characters] = [0, 0];
    for (const planned of suites) {
      const { suite, tasks } = planned;
      for (const task of tasks) {
        onTask(done++, total);
        const samples: EvaluationSample[] = [];
        const repetitions = new Map<string, number>();
        for await (const sample of task.samples(suiteOptions(planned, options))) {
          signal?.throwIfAborted();
          const size = textLength(sample);
          plan.outlines.push({ suite: suite.name, id: sample.id, characters: size, repetition: next(repetitions, sample.lengthBucket) });
          characters += size;
          if (characters <= keptCharacters) samples.push(sample);
          // The event loop gets a turn: making samples is plain work.
          await new Promise((resolve) => setImmediate(resolve));
        }
        if (characters <= keptCharacters) plan.#kept.set(task, samples);
      }
    }
    onTask(total, total);
    return plan;
  }

  /** The samples in order, one by one. */
  async *samples(): AsyncGenerator<PlannedSample, void, undefined> {
    let index = 0;
    for (const planned of this.suites) {
      const { suite, tasks } = planned;
      for (const task of tasks) {
        for await (const sample of this.#kept.get(task) ?? task.samples(suiteOptions(planned, this.options))) {
          yield { suite, task, sample, index, repetition: this.outlines[index]!.repetition };
          index += 1;
        }
      }
    }
  }
}

function next(counts: Map<string, number>, key: string): number {
  const count = counts.get(key) ?? 0;
  counts.set(key, count + 1);
  return count;
}

function textLength({ prompt, messages, tokens }: EvaluationSample): number {
  if (tokens !== undefined) return 4 * tokens.length;
  return (prompt?.length ?? 0) + (messages ?? []).reduce((sum, { content }) => sum + (typeof content === "string" ? content.length : JSON.stringify(content ?? "").length), 0);
}
