import { SampleError } from "@elastic-attention/core";
import { presentPrompt } from "../prompt-format.js";
import { sampleTokens } from "../sample-tokens.js";
import { SeededRandom } from "../seeded-random.js";
import type { EvaluationSample, SampleOptions } from "../suite.js";
import { type TokenCounter, tokenCounter } from "./token-counter.js";

/** A prompt made to a length. */
export interface Draft {
  readonly prompt: string;
  readonly answerPrefix: string;
  readonly references: readonly string[];
  /** Tokens of prompt and answer prefix, as counted piece by piece. */
  readonly tokens: number;
  readonly metadata: EvaluationSample["metadata"];
}

/** What a draft is made from. The same request gives the same draft. */
export interface DraftRequest {
  readonly random: SeededRandom;
  readonly counter: TokenCounter;
  /** Most tokens of prompt and answer prefix. Drafts fill it to within 1% from 4 096 on. */
  readonly room: number;
  /** Target length of prompt and answer together. */
  readonly length: number;
  /** Number of the sample within its task and length. */
  readonly index: number;
}

/** A task whose prompts can be made to any length. */
export interface FittedTask {
  readonly name: string;
  readonly category: string;
  readonly maxNewTokens: number;
  /** @throws SampleError when what cannot be left out is longer than the room */
  draft(request: DraftRequest): Draft;
}

/**
 * The lengths that are asked for, else those of the suite that the context holds.
 *
 * @throws SampleError for a context that holds none of them
 */
export function chosenLengths(suite: string, own: readonly number[], { lengths, contextLength }: SampleOptions): readonly number[] {
  if (lengths !== undefined) return lengths;
  const fitting = own.filter((length) => length <= contextLength);
  if (fitting.length > 0) return fitting;
  throw new SampleError(`The model's context of ${contextLength} tokens is shorter than every length of ${suite}.`, `Choose lengths up to ${contextLength}.`);
}

/** Share of the room that is left free, so that a count that is off by as much still fits. */
const slack = 0.004;
/** Counts off by less than this share of the length are believed; others are corrected sample by sample. */
const tolerance = 0.002;
/** The promise: at least this share of the target length. */
export const shortestShare = 0.98;

/**
 * Samples of a task that are 98 to 100% of a target length, in tokens of prompt and answer together.
 *
 * Pieces are counted once and added up. One trial sample of its own is encoded as a whole: it tells how far the sum is off,
 * and whether every sample must be checked. Nothing else is shared between samples, so each is the same alone and in a row.
 *
 * @throws SampleError for a length that is longer than the context or too short for the task
 */
export function* fittedSamples(task: FittedTask, length: number, count: number, options: SampleOptions): Iterable<EvaluationSample> {
  if (length > options.contextLength) {
    throw new SampleError(
      `${task.name} at ${length} tokens is longer than the model's context of ${options.contextLength}.`,
      `Choose lengths up to ${options.contextLength}.`,
    );
  }
  const { tokenizer, seed = 42 } = options;
  const counter = tokenCounter(tokenizer);
  const most = length - task.maxNewTokens;
  const frame = sampleTokens(sampleOf(task, emptyDraft, length, 0, options), tokenizer).length - tokenizer.encode("x.", { addSpecialTokens: false }).length;
  const draft = (name: number | "trial", room: number): Draft =>
    task.draft({
      random: new SeededRandom(`${task.name}/${length}/${name}`, seed),
      counter,
      room,
      length,
      index: name === "trial" ? 0 : name,
    });
  const goal = Math.floor(most - length * slack);
  const trial = draft("trial", goal - frame);
  const error = sampleTokens(sampleOf(task, trial, length, 0, options), tokenizer).length - trial.tokens - frame;
  const believed = Math.abs(error) <= length * tolerance;
  for (let index = 0; index < count; index++) {
    const make = (room: number) => sampleOf(task, draft(index, room), length, index, options);
    const room = goal - frame - error;
    yield believed ? make(room) : corrected(make, room, goal, most, length, options);
  }
}

/** A sample whose room is changed by what it is off until it fits. @throws SampleError */
function corrected(
  make: (room: number) => EvaluationSample,
  firstRoom: number,
  goal: number,
  most: number,
  length: number,
  { tokenizer }: SampleOptions,
): EvaluationSample {
  let room = firstRoom;
  let fitting: EvaluationSample | undefined;
  for (let round = 0; round < 8; round++) {
    const sample = make(room);
    const tokens = sampleTokens(sample, tokenizer).length;
    if (tokens <= most) fitting = sample;
    if (tokens <= most && tokens - most >= (shortestShare + tolerance - 1) * length) return sample;
    room += goal - tokens;
  }
  if (fitting !== undefined) return fitting;
  throw new SampleError(
    `${make(room).id} cannot be brought to ${length} tokens: its pieces count otherwise than the whole.`,
    "Longer lengths may do; please report the tokenizer.",
  );
}

const emptyDraft: Draft = { prompt: "x.", answerPrefix: "", references: [], tokens: 0, metadata: {} };

function sampleOf(task: FittedTask, draft: Draft, length: number, index: number, options: SampleOptions): EvaluationSample {
  return {
    id: `${task.name}/${length}/${index}`,
    task: task.name,
    category: task.category,
    lengthBucket: String(length),
    ...presentPrompt(draft.prompt, options),
    answerPrefix: draft.answerPrefix,
    maxNewTokens: task.maxNewTokens,
    references: draft.references,
    metadata: { ...draft.metadata, length },
  };
}

/** @throws SampleError naming the task and what it needs */
export function requireRoom(task: string, needed: number, request: DraftRequest): void {
  if (needed <= request.room) return;
  throw new SampleError(
    `${task} needs more than ${request.length} tokens: what cannot be left out takes ${needed} of ${Math.max(0, request.room)}.`,
    "Choose a longer length.",
  );
}
