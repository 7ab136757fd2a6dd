import { z } from "zod";
import { TrainingDataError } from "@elastic-attention/core";
import type { TrainingTask } from "../objective/training-task.js";
import { parsePythonLiteral } from "./python-literal.js";

/** One question about a context, with its answer (reference semantics 7.1). */
export interface TrainingRow {
  readonly context: string;
  readonly question: string;
  readonly answer: string;
  /** How the assistant's turn begins, in front of the answer: part of the prompt, never of the loss on answers. */
  readonly answerPrefix: string;
  /** Index into the run's tasks. */
  readonly task: number;
  /** Whether the question stands before the context. */
  readonly isPrefix: boolean;
  /** For people: file and row. */
  readonly where: string;
}

const text = z.string();
const metadata = z.looseObject({ task: z.string(), is_prefix: z.boolean().nullish(), length: z.number().nullish() });
const rowSchema = z.looseObject({ context: text, question: text, answer: text, answer_prefix: text.nullish(), metadata });

/**
 * Checks a row of a data file: columns `context`, `question`, `answer` (and `answer_prefix`, how it begins), `metadata` with `task`, `is_prefix` (default
 * true) and `length`; metadata may be an object, JSON, or a Python literal.
 * @throws TrainingDataError naming the row and what is wrong: no answer, an unknown task, a column that is missing
 */
export function parseTrainingRow(value: unknown, tasks: readonly TrainingTask[], where: string): TrainingRow {
  const raw = typeof value === "object" && value !== null ? { ...value } : {};
  const given = (raw as { metadata?: unknown }).metadata;
  if (typeof given === "string") Object.assign(raw, { metadata: parseMetadata(given, where) });
  const parsed = rowSchema.safeParse(raw);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const key = issue.path.join(".") || "the row";
    if (key === "answer") throw noLabels(where);
    throw new TrainingDataError(`${where}: ${key}: ${issue.message}.`, {
      hint: "A row has context, question, answer and metadata with the task.",
    });
  }
  const { context, question, answer } = parsed.data;
  if (answer.trim() === "") throw noLabels(where);
  const task = tasks.findIndex(({ name }) => name === parsed.data.metadata.task);
  if (task < 0) {
    throw new TrainingDataError(`${where}: the task ${JSON.stringify(parsed.data.metadata.task)} is not known.`, {
      hint: `Known tasks: ${tasks.map(({ name }) => name).join(", ")}. Name others with their targets under \`tasks\`.`,
    });
  }
  return { context, question, answer, answerPrefix: parsed.data.answer_prefix ?? "", task, isPrefix: parsed.data.metadata.is_prefix ?? true, where };
}

function noLabels(where: string): TrainingDataError {
  return new TrainingDataError(`${where}: the row has no answer, so it has no labels.`, { hint: "Give it an answer, or leave the row out." });
}

function parseMetadata(given: string, where: string): unknown {
  try {
    return JSON.parse(given) as unknown;
  } catch {
    try {
      return parsePythonLiteral(given);
    } catch (cause) {
      throw new TrainingDataError(`${where}: metadata is neither JSON nor a Python literal.`, { cause });
    }
  }
}
