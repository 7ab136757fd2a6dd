import { TrainingDataError } from "@elastic-attention/core";
import type { ChatMessage, Tokenizer } from "@elastic-attention/generation";
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
  const answer: ChatMessage = { role: "assistant", content: row.answerPrefix + row.answer };
  const render = (messages: ChatMessage[], addGenerationPrompt: boolean) =>
    tokenizer.applyChatTemplate(messages, { addGenerationPrompt, variables: { enable_thinking: false } });
  const text = render([user, answer], false);
  let tokens = encode(tokenizer, text);
  const userEnd = commonTokens(tokenizer, text, tokens, render([user], false));
  const answerStart = commonTokens(tokenizer, text, tokens, render([user], true) + row.answerPrefix);
  if (layout === "published" && endOfTextId !== undefined && tokens.at(-1) !== endOfTextId) {
    tokens = Int32Array.from([...tokens, endOfTextId]);
  }
  return { tokens, userEnd, answerStart: Math.max(answerStart, userEnd), task: row.task, where: row.where };
}

function userText({ context, question, isPrefix }: TrainingRow, task: string, layout: RowLayout): string {
  if (layout === "plain" && question === "") return context;
  if (layout === "plain") return isPrefix ? `${question}\n${context}` : `${context}\n${question}`;
  const body = `\n${context.replaceAll("\uFEFF", "").trimEnd()}`;
  const asked = `\n${question.replaceAll("\uFEFF", "").trimStart()}`;
  const text = isPrefix ? `${asked}\n${body}` : `${body}\n${asked}`;
  // The frames of LongBench's multi_news and lcc prompts, which the published data is trained in.
  if (task === "Summarization") return `You are given several news passages. Write a one-page summary of all news.${text}\n\nSummary:`;
  if (task === "Code") return `Please complete the code given below.${text}`;
  return text;
}

function encode(tokenizer: Tokenizer, text: string): Int32Array {
  return tokenizer.encode(text, { addSpecialTokens: false });
}

/**
 * How many tokens `text` and `beginning` have in common from the start. Where `text` goes on from `beginning`, only what
 * follows the last special token of `beginning` is tokenized again, for prompts are long.
 */
function commonTokens(tokenizer: Tokenizer, text: string, tokens: Int32Array, beginning: string): number {
  const cut = text.startsWith(beginning) ? tokenizer.lastSpecialToken(beginning) : -1;
  const rest = cut < 0 ? tokens : encode(tokenizer, text.slice(cut));
  const start = tokens.length - rest.length;
  if (cut < 0 || commonLength(tokens.subarray(start), rest) < rest.length) return commonLength(tokens, encode(tokenizer, beginning));
  return start + commonLength(rest, encode(tokenizer, beginning.slice(cut)));
}

function commonLength(a: Int32Array, b: Int32Array): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length += 1;
  return length;
}
