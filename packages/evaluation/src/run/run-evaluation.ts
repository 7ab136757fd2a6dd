import { setMaxListeners } from "node:events";
import type { Communicator } from "@elastic-attention/distributed";
import type { LocalEngine } from "@elastic-attention/generation";
import type { Router } from "@elastic-attention/router";
import { isSweep, type Variant } from "../baselines/variant.js";
import { variantRouter } from "../baselines/variant-router.js";
import { parseRecords, RecordWriter } from "../records/record-file.js";
import { type EvaluationRecord, recordKey } from "../records/record.js";
import { type RunFolder, uniqueRecords } from "../records/run-folder.js";
import { sampleTokens } from "../sample-tokens.js";
import { defaultBatch, type RunRequest } from "./describe-run.js";
import { evaluateSample } from "./evaluate-sample.js";
import { type GivenAnswer, type GivenAnswersOptions, giveAnswers } from "./given-answers.js";
import { sampleGroups } from "./sample-groups.js";
import type { RunDescription } from "./run-settings.js";
import { type PlannedSample, SamplePlan, type SharedSampleOptions } from "./sample-plan.js";

export interface EvaluationRun {
  readonly engine: LocalEngine;
  readonly request: RunRequest;
  readonly description: RunDescription;
  readonly folder: RunFolder;
  /** Whether the folder may hold records of this run. */
  readonly resume: boolean;
  readonly communicator: Communicator;
  readonly signal: AbortSignal;
  /** While prompts are made. */
  readonly onPlan?: (tasksDone: number, tasksTotal: number) => void;
  readonly onProgress?: (progress: EvaluationProgress) => void;
}

/** Of this rank. */
export interface EvaluationProgress {
  /** Work in characters read, the measure of the time left; what was done before a resume is not in it. */
  readonly done: number;
  readonly total: number;
  readonly samplesDone: number;
  readonly samplesTotal: number;
  readonly task: string;
  readonly variant: string;
}

export interface EvaluationOutcome {
  /** The run's own description: of its first start, when this one resumed it. */
  readonly description: RunDescription;
  /** All records in the order of samples, of all ranks and all starts; on rank 0 only, empty elsewhere. */
  readonly records: readonly EvaluationRecord[];
}

/**
 * Runs every sample under every variant, some samples of a task at a time, so that all variants see the same prompts under
 * the same conditions and a run that is stopped compares as far as it came. Each record is on disk as soon as its sample has
 * ended; samples that have one are not run again.
 *
 * Ranks share the samples out; the merged records are those of a single run.
 *
 * @throws EvaluationError for another run's folder, the errors of suites and engine, the signal's reason
 */
export async function runEvaluation(run: EvaluationRun): Promise<EvaluationOutcome> {
  const { engine, request, communicator, folder, signal } = run;
  const description = communicator.rank === 0 ? folder.claim(run.description, run.resume) : run.description;
  // Nobody reads the folder before rank 0 has looked at it.
  await communicator.barrier();
  const routers = new Map(request.variants.map((variant) => [variant, variantRouter(variant, engine, request.seed, request.router)]));
  const options = sampleOptions(run);
  const plan = await SamplePlan.make(request.suites, options, run.onPlan, signal);
  const before = await gathered(communicator, communicator.rank === 0 || communicator.size === 1 ? folder.records() : localRecords(folder));
  const work = new Workload(plan, request, communicator, new Set(before.map(recordKey)));
  const made: EvaluationRecord[] = [];
  {
    using writer = new RecordWriter(folder.recordsPath(communicator.rank, communicator.size));
    run.onProgress?.(work.progress("", ""));
    for await (const group of sampleGroups(plan.samples(), request.batch ?? defaultBatch, (planned) => work.open(planned).length > 0)) {
      // Encoded once for all variants.
      const prompts = new Map(group.map((planned) => [planned, sampleTokens(planned.sample, engine.tokenizer)]));
      for (const variant of request.variants) {
        const router = routers.get(variant) as Router | undefined;
        engine.backend.resetPeak();
        const open = group.filter((planned) => work.open(planned).includes(variant));
        const answers = await answersOf(open, prompts, { engine, router, decode: request.decode, signal });
        await together(
          open,
          async (planned, stop) => {
            const record = await evaluateSample(planned, prompts.get(planned)!, {
              engine,
              variant: variant.name,
              router,
              decode: request.decode,
              options,
              answer: answers.get(planned),
              signal: stop,
            });
            writer.append(record);
            made.push(record);
            work.finish(planned);
            run.onProgress?.(work.progress(planned.sample.task, variant.name));
          },
          signal,
        );
      }
    }
  }
  const all = await gathered(communicator, made);
  if (communicator.rank > 0) {
    await communicator.barrier();
    return { description, records: [] };
  }
  const records = inPlanOrder(uniqueRecords([...before, ...all]), request.variants);
  folder.merge(records);
  await communicator.barrier();
  return { description, records };
}

/** The answers of a group of samples that are given one; a group is of one task. */
async function answersOf(group: readonly PlannedSample[], prompts: ReadonlyMap<PlannedSample, Int32Array>, options: GivenAnswersOptions): Promise<Map<PlannedSample, GivenAnswer>> {
  if (group[0]?.task.kind !== "answer") return new Map();
  const answers = await giveAnswers(group.map((planned) => ({ tokens: prompts.get(planned)!, sample: planned.sample })), options);
  return new Map(group.map((planned, index) => [planned, answers[index]!]));
}

/**
 * Runs samples at once: the engine reads their prompts one by one and gives their answers in one batch. Texts to be read
 * pass the engine by, so they come one after another. When one fails the others are stopped.
 */
async function together(
  samples: readonly PlannedSample[],
  evaluate: (sample: PlannedSample, stop: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  if (samples[0]?.task.kind === "likelihood") {
    for (const sample of samples) {
      signal.throwIfAborted();
      await evaluate(sample, signal);
    }
    return;
  }
  const failure = new AbortController();
  const stop = AbortSignal.any([signal, failure.signal]);
  // Each request listens; Node warns of more than ten.
  setMaxListeners(10 + samples.length, stop);
  const first: { error?: unknown } = {};
  const running = samples.map((sample) =>
    evaluate(sample, stop).catch((error: unknown) => {
      if (!("error" in first)) first.error = error;
      failure.abort(error);
    }),
  );
  await Promise.all(running);
  if ("error" in first) throw first.error;
}

function sampleOptions({ engine, request }: EvaluationRun): SharedSampleOptions {
  const { seed, strict, chatFormat } = request;
  return {
    tokenizer: engine.tokenizer,
    contextLength: engine.model.contextLength,
    seed,
    strict,
    chatFormat,
  };
}

/** Records of a rank that may have a disk of its own; another rank may be about to make the folder. */
function localRecords(folder: RunFolder): EvaluationRecord[] {
  try {
    return folder.records();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** The records of all ranks, on all ranks. */
async function gathered(communicator: Communicator, records: readonly EvaluationRecord[]): Promise<EvaluationRecord[]> {
  if (communicator.size === 1) return [...records];
  const own = new TextEncoder().encode(records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  const all = await communicator.allGather(own);
  return uniqueRecords(all.flatMap((bytes, rank) => parseRecords(new TextDecoder().decode(bytes), `the records of rank ${rank}`)));
}

/** Samples in order, and the variants of one sample as they were asked for, whoever ran them. */
function inPlanOrder(records: readonly EvaluationRecord[], variants: readonly Variant[]): EvaluationRecord[] {
  const places = new Map(variants.map(({ name }, place) => [name, place]));
  return Array.from(records).sort((a, b) => a.index - b.index || places.get(a.variant)! - places.get(b.variant)!);
}

/** What is left to do for this rank. */
class Workload {
  readonly #total: number;
  readonly #samplesTotal: number;
  #done = 0;
  #samplesDone = 0;

  constructor(
    private readonly plan: SamplePlan,
    private readonly request: RunRequest,
    private readonly communicator: Communicator,
    private readonly finished: ReadonlySet<string>,
  ) {
    let [characters, samples] = [0, 0];
    for (const [index, outline] of plan.outlines.entries()) {
      const open = this.#variants(index, outline).length;
      characters += open * outline.characters;
      samples += open;
    }
    this.#total = characters;
    this.#samplesTotal = samples;
  }

  /** The variants that a sample is still to be run under, here. */
  open({ index, suite, sample, repetition }: PlannedSample): readonly Variant[] {
    return this.#variants(index, { suite: suite.name, id: sample.id, repetition });
  }

  finish({ index }: PlannedSample): void {
    this.#done += this.plan.outlines[index]!.characters;
    this.#samplesDone += 1;
  }

  progress(task: string, variant: string): EvaluationProgress {
    return { done: this.#done, total: this.#total, samplesDone: this.#samplesDone, samplesTotal: this.#samplesTotal, task, variant };
  }

  #variants(index: number, { suite, id, repetition }: { readonly suite: string; readonly id: string; readonly repetition: number }): Variant[] {
    if (index % this.communicator.size !== this.communicator.rank) return [];
    const { variants, sweepSamples = Infinity } = this.request;
    return variants.filter(
      (variant) => !(isSweep(variant) && repetition >= sweepSamples) && !this.finished.has(recordKey({ suite, variant: variant.name, id })),
    );
  }
}
