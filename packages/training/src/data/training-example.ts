import type { ChatMessage, Tokenizer } from "@elastic-attention/generation";
import { TrainingDataError } from "../errors.js";
import type { TrainingTask } from "../objective/training-task.js";
import type { TrainingRow } from "./training-row.js";

/** A row as the model reads it. */
export interface TrainingExample {
  readonly tokens: Int32Array;
  /** Tokens of the user's turn: what the routers may look at. */
  readonly userEnd: number;
  /** First token of the answer: the end of the prompt as it is at inference. */
  readonly answerStart: number;
  readonly task: number;
  readonly where: string;
}

/**
 * How a row becomes a user's message. "published" (default): blank lines and the opening sentences of the published
 * data (reference semantics 7.2); "plain": context, a line break, question, or the other way round, and nothing else.
 */
export type RowLayout = "published" | "plain";

export interface ExampleOptions {
  readonly tokenizer: Tokenizer;
  readonly tasks: readonly TrainingTask[];
  readonly layout: RowLayout;
  /** Appended when the chat template does not end with it ("published" layout). */
  readonly endOfTextId?: number;
}

/** Applies the chat template, user's and assistant's turn in one pass. @throws TrainingDataError without a template */
export function buildExample(row: TrainingRow, { tokenizer, tasks, layout, endOfTextId }: ExampleOptions): TrainingExample {
  if (!tokenizer.hasChatTemplate) {
    throw new TrainingDataError("The model has no chat template, which training rows need.", {
      hint: "Put a chat_template.jinja into the model's folder.",
    });
  }
  const user: ChatMessage = { role: "user", content: userText(row, tasks[row.task]!.name, layout) };
  const answer: ChatMessage = { role: "assistant", content: row.answer };
  const encode = (messages: ChatMessage[], addGenerationPrompt: boolean) =>
    tokenizer.encodeChat(messages, { addGenerationPrompt, variables: { enable_thinking: false } });
  let tokens = encode([user, answer], false);
  const userEnd = commonLength(tokens, encode([user], false));
  const answerStart = commonLength(tokens, encode([user], true));
  if (layout === "published" && endOfTextId !== undefined && tokens.at(-1) !== endOfTextId) {
    tokens = Int32Array.from([...tokens, endOfTextId]);
  }
  return { tokens, userEnd, answerStart: Math.max(answerStart, userEnd), task: row.task, where: row.where };
}

function userText({ context, question, isPrefix }: TrainingRow, task: string, layout: RowLayout): string {
  if (layout === "plain") return isPrefix ? `${question}\n${context}` : `${context}\n${question}`;
  const body = `\n${context.replaceAll("\uFEFF", "").trimEnd()}`;
  const asked = `\n${question.replaceAll("\uFEFF", "").trimStart()}`;
  const text = isPrefix ? `${asked}\n${body}` : `${body}\n${asked}`;
  // The frames of LongBench's multi_news and lcc prompts, which the published data is trained in.
  if (task === "Summarization") return `You are given several news passages. Write a one-page summary of all news.${text}\n\nSummary:`;
  if (task === "Code") return `Please complete the code given below.${text}`;
  return text;
}

function commonLength(a: Int32Array, b: Int32Array): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length += 1;
  return length;
}
