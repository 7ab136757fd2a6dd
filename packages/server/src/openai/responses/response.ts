import { type AnswerBlock, collectBlocks } from "../../answer/answer-blocks.js";
import type { AnswerEnd, AnswerEvent } from "../../answer/answer-event.js";
import { elasticOf, timingsOf, usageOf } from "../../answer/usage.js";
import type { ResponsesBody } from "./responses-schema.js";

export interface ResponseHead {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly body: ResponsesBody;
}

/** An answer in the form of the Responses API, whole. */
export async function collectResponse(head: ResponseHead, events: AsyncIterable<AnswerEvent>): Promise<object> {
  const { blocks, end } = await collectBlocks(events);
  return finishedResponse(head, blocks, end);
}

export function finishedResponse(head: ResponseHead, blocks: readonly AnswerBlock[], end: AnswerEnd): object {
  const isCut = end.reason === "length";
  const { promptTokens, cachedTokens, newTokens, reasoningTokens } = usageOf([end]);
  return {
    ...responseBody(head, isCut ? "incomplete" : "completed"),
    incomplete_details: isCut ? { reason: "max_output_tokens" } : null,
    output: blocks.map((block, index) => itemOf(head, block, index, isCut && index === blocks.length - 1 ? "incomplete" : "completed")),
    usage: {
      input_tokens: promptTokens,
      input_tokens_details: { cached_tokens: cachedTokens },
      output_tokens: newTokens,
      output_tokens_details: { reasoning_tokens: reasoningTokens },
      total_tokens: promptTokens + newTokens,
    },
    timings: timingsOf(end.report),
    elastic: elasticOf(end.report),
  };
}

/** What a response says of itself before anything was written. */
export function responseBody({ id, created, model, body }: ResponseHead, status: "in_progress" | "completed" | "incomplete"): object {
  const { instructions, max_output_tokens, temperature, top_p, tools, tool_choice, parallel_tool_calls, text, reasoning, metadata, user } = body;
  return {
    id,
    object: "response",
    created_at: created,
    status,
    error: null,
    incomplete_details: null,
    instructions: instructions ?? null,
    max_output_tokens: max_output_tokens ?? null,
    model,
    output: [],
    parallel_tool_calls: parallel_tool_calls ?? true,
    previous_response_id: null,
    reasoning: { effort: reasoning?.effort ?? null, summary: null },
    store: false,
    temperature: temperature ?? null,
    text: { format: text?.format ?? { type: "text" } },
    tool_choice: tool_choice ?? "auto",
    tools: tools ?? [],
    top_p: top_p ?? null,
    truncation: "disabled",
    usage: null,
    user: user ?? null,
    metadata: metadata ?? {},
  };
}

export type ItemStatus = "in_progress" | "completed" | "incomplete";

/** One item of a response's output. */
export function itemOf({ id }: ResponseHead, block: AnswerBlock, index: number, status: ItemStatus): object {
  const suffix = `${id.replace(/^resp_/, "")}_${index}`;
  if (block.type === "tool-call") {
    const { id: callId, name, arguments: text } = block.call;
    return { id: `fc_${suffix}`, type: "function_call", status, call_id: callId, name, arguments: status === "in_progress" ? "" : text };
  }
  if (block.type === "reasoning") return { id: `rs_${suffix}`, type: "reasoning", status, summary: [], content: block.text === "" ? [] : [partOf(block)] };
  return { id: `msg_${suffix}`, type: "message", status, role: "assistant", content: status === "in_progress" ? [] : [partOf(block)] };
}

/** The content of a message or of thoughts. */
export function partOf({ type, text }: Exclude<AnswerBlock, { type: "tool-call" }>): object {
  return type === "reasoning" ? { type: "reasoning_text", text } : { type: "output_text", text, annotations: [], logprobs: [] };
}
