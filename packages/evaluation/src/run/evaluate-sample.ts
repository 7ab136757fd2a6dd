import { EvaluationError } from "@elastic-attention/core";
import { effectiveSparsity, modelSparsity, attentionModeDefinition } from "@elastic-attention/attention";
import type { GenerationEvent, LocalEngine } from "@elastic-attention/generation";
import type { Router } from "@elastic-attention/router";
import { type EvaluationRecord, hashPrompt, packHeadMap, recordSchema } from "../records/record.js";
import { readBytesPerToken } from "../frontier/read-bytes.js";
import { sampleText, sampleTokens } from "../sample-tokens.js";
import type { EvaluationSample, EvaluationTask, GenerationTask, LikelihoodTask } from "../suite.js";
import type { GivenAnswer } from "./given-answers.js";
import { readText } from "./likelihood.js";
import type { PlannedSample, SharedSampleOptions } from "./sample-plan.js";

/** How a sample is run. */
export interface SampleRun {
  readonly engine: LocalEngine;
  readonly variant: string;
  /** None: every head full. */
  readonly router: Router | undefined;
  readonly decode: "routed" | "full";
  /** What samples are made with, for a second prompt made from the first answer. */
  readonly options: SharedSampleOptions;
  /** Of a sample of a task of kind "answer". */
  readonly answer?: GivenAnswer | undefined;
  readonly signal: AbortSignal;
}

type Finish = Extract<GenerationEvent, { type: "finish" }>;

/**
 * Runs one sample under one variant; samples may run together.
 *
 * @param tokens the prompt: `sampleTokens` of the sample
 * @throws the errors of the engine, the signal's reason when it aborts
 */
export async function evaluateSample(planned: PlannedSample, tokens: Int32Array, run: SampleRun): Promise<EvaluationRecord> {
  const { task, sample } = planned;
  const base = {
    suite: planned.suite.name,
    variant: run.variant,
    id: sample.id,
    index: planned.index,
    task: sample.task,
    category: sample.category,
    lengthBucket: sample.lengthBucket,
    kind: task.kind,
    promptHash: hashPrompt(tokens),
    promptTokens: tokens.length,
    references: Array.from(sample.references),
    truncated: sample.truncated ?? false,
    metadata: { ...sample.metadata },
  };
  const rest = await outcome(task, sample, tokens, run);
  // Through the schema, whose order of keys a record keeps when it is read and written again.
  return recordSchema.parse({ ...base, ...rest, peakBytes: run.engine.backend.memory().peakBytes });
}

function outcome(task: EvaluationTask, sample: EvaluationSample, tokens: Int32Array, run: SampleRun) {
  switch (task.kind) {
    case "generate":
      return generated(task, sample, tokens, run);
    case "likelihood":
      return read(task, sample, tokens, run);
    case "answer":
      return given(sample, tokens, run);
  }
}

/** A record of an answer that was given while its group was read. */
function given(sample: EvaluationSample, { length }: Int32Array, { answer: found, router, engine, decode }: SampleRun) {
  if (found === undefined) throw new EvaluationError(`Sample ${sample.id} was not given its answer.`);
  const modes = router?.modes ?? [{ kind: "full" }];
  const { accuracy, loss, tokens, output, routing, prefillSeconds, decodeSeconds, keyValueBytes } = found;
  return {
    newTokens: tokens,
    output,
    score: accuracy,
    answerLoss: loss,
    finish: "read" as const,
    modelSparsity: modelSparsity({ modes: [], assignment: routing.assignment }),
    effectiveSparsity: effectiveSparsity(routing.blocks),
    modes: modes.map((mode) => attentionModeDefinition(mode).label),
    headMap: packHeadMap(routing.assignment),
    prefillSeconds,
    decodeSeconds,
    keyValueBytes,
    fullKeyValueBytes: engine.pretrained.decoder.fullKeyValueBytes(length + tokens),
    readBytes: readBytesPerToken(engine.pretrained, routing.assignment, modes, length + tokens, decode),
  };
}

async function generated(task: GenerationTask, sample: EvaluationSample, tokens: Int32Array, run: SampleRun) {
  const session = task.session === true ? `${run.variant}/${sample.id}` : undefined;
  const first = await answer(sample, tokens, run, session);
  const second = task.followUp?.(sample, first.text, run.options);
  const finish = second === undefined ? first : await answer(second, sampleTokens(second, run.engine.tokenizer), run, session);
  if (session !== undefined) await run.engine.closeSession(session);
  const { report, text, reason } = finish;
  if (session !== undefined && report.reusedTokens === 0) throw new EvaluationError(`Sample ${sample.id}: the second turn did not go on from the first.`);
  const modes = run.router?.modes ?? [{ kind: "full" }];
  const both = second === undefined ? [first.report] : [first.report, report];
  return {
    newTokens: sum(both, ({ newTokens }) => newTokens),
    output: text,
    ...(second === undefined ? {} : { reasoning: first.text }),
    score: task.score(second ?? sample, text),
    finish: reason as Exclude<typeof reason, "aborted">,
    // Of the first prompt, which holds the document.
    modelSparsity: first.report.modelSparsity,
    effectiveSparsity: first.report.effectiveSparsity,
    modes: Array.from(first.report.modes),
    headMap: packHeadMap(first.report.headMap),
    prefillSeconds: sum(both, ({ prefillSeconds }) => prefillSeconds),
    decodeSeconds: sum(both, ({ decodeShareSeconds }) => decodeShareSeconds),
    keyValueBytes: Math.max(...both.map(({ keyValueBytes }) => keyValueBytes)),
    fullKeyValueBytes: Math.max(...both.map(({ fullKeyValueBytes }) => fullKeyValueBytes)),
    readBytes: readBytesPerToken(run.engine.pretrained, first.report.headMap, modes, report.promptTokens + report.newTokens, run.decode),
  };
}

async function answer(sample: EvaluationSample, tokens: Int32Array, { engine, router, decode, signal }: SampleRun, session?: string): Promise<Finish> {
  const request = {
    // A turn goes on from the text of the last one, however its tokens are cut.
    ...(session === undefined ? { tokens } : { prompt: sampleText(sample, engine.tokenizer), session }),
    maxNewTokens: sample.maxNewTokens,
    // Answers that are compared are greedy, whatever a model's folder asks for.
    defaults: "none" as const,
    decode,
    signal,
    ...(sample.stop === undefined ? {} : { stop: sample.stop }),
    ...(router === undefined ? { mode: "full" as const } : { router }),
  };
  for await (const event of engine.generate(request)) {
    if (event.type !== "finish") continue;
    if (event.reason === "aborted") signal.throwIfAborted();
    return event;
  }
  throw new EvaluationError(`Sample ${sample.id} ended without an answer.`);
}

async function read(task: LikelihoodTask, sample: EvaluationSample, tokens: Int32Array, { engine, router, signal }: SampleRun) {
  const { logProbabilities, routing, prefillSeconds, keyValueBytes } = await readText(engine.pretrained, tokens, router, signal);
  const { score, positions } = task.score(sample, logProbabilities);
  const modes = router?.modes ?? [{ kind: "full" }];
  return {
    newTokens: 0,
    output: "",
    score,
    finish: "read" as const,
    modelSparsity: modelSparsity({ modes: [], assignment: routing.assignment }),
    effectiveSparsity: effectiveSparsity(routing.blocks),
    modes: modes.map((mode) => attentionModeDefinition(mode).label),
    headMap: packHeadMap(routing.assignment),
    prefillSeconds,
    decodeSeconds: 0,
    keyValueBytes,
    fullKeyValueBytes: engine.pretrained.decoder.fullKeyValueBytes(tokens.length),
    positions: Array.from(positions, (range) => ({ ...range })),
  };
}

function sum<Item>(items: readonly Item[], value: (item: Item) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
