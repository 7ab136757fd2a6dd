import type { ChatMessage, Tokenizer } from "@elastic-attention/generation";

/** What suites need of a tokenizer; `Tokenizer` of the generation package is one. */
export type EvaluationTokenizer = Pick<Tokenizer, "encode" | "decode" | "hasChatTemplate" | "applyChatTemplate">;

/** One prompt and what a good answer to it holds. `sampleTokens` turns it into the model's input. */
export interface EvaluationSample {
  /** Unique within the suite's run and the same for the same options: `niah_single_1/8192/17`. */
  readonly id: string;
  readonly task: string;
  readonly category: string;
  /** Target length in tokens (`"8192"`) or a range of lengths (`"0-4k"`), as the suite tells lengths apart. */
  readonly lengthBucket: string;
  /** Raw text without a chat template. Exactly one of `prompt`, `messages` and `tokens` is set. */
  readonly prompt?: string;
  /** Conversation that the model's chat template renders. */
  readonly messages?: readonly ChatMessage[];
  /** Token ids to be scored as they are; tasks of kind "likelihood". */
  readonly tokens?: Int32Array;
  /** How the assistant's answer begins; put behind the prompt or behind the opened assistant turn. */
  readonly answerPrefix?: string;
  readonly maxNewTokens: number;
  /** Generation ends before the first of these texts. */
  readonly stop?: readonly string[];
  readonly references: readonly string[];
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
  /** Whether the middle of the prompt was cut out to fit the model's context. */
  readonly truncated?: boolean;
}

/** What samples are made for: a model's tokenizer and context, and how many of which length. */
export interface SampleOptions {
  readonly tokenizer: EvaluationTokenizer;
  /** Positions the model allows, prompt and answer together. */
  readonly contextLength: number;
  /** Target lengths in tokens, prompt and answer together; default: the suite's own. Suites with given texts ignore it. */
  readonly lengths?: readonly number[];
  /** Samples of each task (and length); default: all that there are, or the suite's own number. */
  readonly samplesPerTask?: number;
  /** Same seed and options, same samples. Default 42. */
  readonly seed?: number;
  /** Refuse a sample that is longer than the context instead of cutting out its middle. Default false. */
  readonly strict?: boolean;
  /**
   * "auto" (default): the tokenizer's chat template, where it has one, for the tasks that are published with one.
   * "template": the same, and an error for a tokenizer without. "none": raw prompts.
   */
  readonly chatFormat?: ChatFormat;
}

export type ChatFormat = "auto" | "template" | "none";

interface TaskBase {
  readonly name: string;
  readonly category: string;
  /** Made one by one, so that a long task need not be held in memory. */
  samples(options: SampleOptions): Iterable<EvaluationSample> | AsyncIterable<EvaluationSample>;
}

/** The model continues a prompt; the continuation is scored. */
export interface GenerationTask extends TaskBase {
  readonly kind: "generate";
  /** Score of a generated text, 0 to 1. The answer prefix is not part of the output. */
  score(sample: EvaluationSample, output: string): number;
  /**
   * A second prompt made from the output of the first (chain of thought, then the answer). Where it gives one, the second
   * output is the one that is scored, with the second sample.
   */
  followUp?(sample: EvaluationSample, output: string, options: SampleOptions): EvaluationSample | undefined;
  /**
   * Whether both prompts are turns of one session: the second goes on from what the heads kept of the first, under its plan.
   * Prompts are raw text then, the second begins with the first and its output. Default: each is read for itself.
   */
  readonly session?: boolean;
}

/** The model reads `sample.tokens`; what it gave each token after the first is scored. */
export interface LikelihoodTask extends TaskBase {
  readonly kind: "likelihood";
  /**
   * @param logProbabilities natural logarithms [tokens - 1]: entry i belongs to token i + 1 given tokens 0 to i
   */
  score(sample: EvaluationSample, logProbabilities: ArrayLike<number>): LikelihoodScore;
}

export interface LikelihoodScore {
  /** Nats per token, the mean over all scored tokens. */
  readonly score: number;
  readonly tokens: number;
  /** The same for ranges of positions [start, end). */
  readonly positions: readonly { readonly start: number; readonly end: number; readonly tokens: number; readonly score: number }[];
}

/**
 * The model reads a prompt and is given the answer, `references[0]`, token by token: each is asked for after those before it.
 * The score is the share of them that are the most likely ones.
 */
export interface AnswerTask extends TaskBase {
  readonly kind: "answer";
}

export type EvaluationTask = GenerationTask | LikelihoodTask | AnswerTask;

/** Where a suite's data lie and which of its tasks are wanted. Unknown keys of `files` are refused by the suite. */
export interface SuiteOptions {
  /** Names of tasks, default all of the suite. @throws UnknownNameError with the nearest name */
  readonly tasks?: readonly string[];
  /** Folder with the official files. Suites that make their own prompts do without. */
  readonly dataDirectory?: string;
  /** Single files by role, instead of the names expected in `dataDirectory`: `haystack`, `words`, `squad`, `hotpotqa`, `text`. */
  readonly files?: Readonly<Record<string, string>>;
  /** LongBench-v2: reason first, then answer. Default false. */
  readonly chainOfThought?: boolean;
}

/** The part of a record that scores are summed up from; records of a run carry more. */
export interface ScoredRecord {
  readonly task: string;
  readonly category: string;
  readonly lengthBucket: string;
  /** 0 to 1; nats per token for tasks of kind "likelihood". */
  readonly score: number;
  readonly metadata?: EvaluationSample["metadata"];
}

export interface GroupScore {
  readonly name: string;
  readonly score: number;
  readonly samples: number;
}

export interface TaskScore extends GroupScore {
  readonly category: string;
}

/** Scores of a run as the paper's tables show them; 0 to 1 as in the records. */
export interface SuiteSummary {
  /** As the suite is published: mean over samples (LongBench), over tasks and lengths (RULER). */
  readonly average: number;
  readonly samples: number;
  /** Mean of each task's samples. */
  readonly tasks: readonly TaskScore[];
  /** Unweighted means of the scores of each category's tasks. */
  readonly categories: readonly GroupScore[];
  /** By length bucket, averaged as `average` is. */
  readonly lengths: readonly GroupScore[];
  /** Mean of the samples of each task at each length; pairs without samples are absent. */
  readonly taskLengths: readonly (TaskScore & { readonly lengthBucket: string })[];
  /** Further groups of the suite: "difficulty" (easy, hard), "depth" … */
  readonly groups: Readonly<Record<string, readonly GroupScore[]>>;
}

/** A named selection of a suite: which tasks, at which lengths, how many samples of each. */
export interface SuitePreset {
  readonly description: string;
  readonly tasks?: readonly string[];
  readonly lengths?: readonly number[];
  readonly samplesPerTask?: number;
}

/** A file of a data set on the Hugging Face hub that a suite reads: plain data, for whoever fetches it. */
export interface HubSource {
  /** Owner and name: `zai-org/LongBench`. */
  readonly dataset: string;
  /** Branch, tag or commit. Default: the main branch. */
  readonly revision?: string;
  /** Path in the data set. */
  readonly file: string;
  /** Whether the file is a zip archive; the suite reads what is in it. */
  readonly archive?: boolean;
  /** The role that the file has in `files`; without one, its folder (or that of the unpacked archive) is `dataDirectory`. */
  readonly role?: string;
  /** The tasks that it is needed for. Default: all. */
  readonly tasks?: readonly string[];
}

/** A benchmark: named tasks and the rule by which their scores are summed up. */
export interface EvaluationSuite {
  readonly name: string;
  /** One line for lists. */
  readonly description: string;
  /** "share": scores 0 to 1, higher is better. "nats": nats per token, lower is better, perplexity is their exponential. */
  readonly scoreUnit: "share" | "nats";
  /** Names of all tasks in the order of the tables. */
  readonly taskNames: readonly string[];
  /** Selections by name: "paper" is the paper's. */
  readonly presets: Readonly<Record<string, SuitePreset>>;
  /** Where official data can be fetched from. Suites that make their own prompts have none. */
  readonly hubSources?: readonly HubSource[];
  /** @throws UnknownNameError, DatasetError for missing or damaged data */
  tasks(options: SuiteOptions): Promise<readonly EvaluationTask[]>;
  /**
   * @param value what to average instead of the score, such as a record's sparsity (MSR of the paper's Tables 1 and 2)
   */
  aggregate<R extends ScoredRecord>(records: readonly R[], value?: (record: R) => number): SuiteSummary;
}
