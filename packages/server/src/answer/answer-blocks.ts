import type { AnswerEnd, AnswerEvent, AnswerPart, ToolCall } from "./answer-event.js";

/** A stretch of an answer of one kind: thoughts, text, or one call. */
export type AnswerBlock = { readonly type: "text" | "reasoning"; readonly text: string } | { readonly type: "tool-call"; readonly call: ToolCall };

/** Parts of one kind behind each other as one. */
export function blocksOf(parts: readonly AnswerPart[]): AnswerBlock[] {
  const blocks: AnswerBlock[] = [];
  for (const part of parts) {
    const last = blocks.at(-1);
    if (part.type === "call") blocks.push({ type: "tool-call", call: { index: part.index, id: part.id, name: part.name, arguments: "" } });
    else if (part.type !== "call-arguments") {
      if (last?.type === part.type) blocks[blocks.length - 1] = { type: part.type, text: last.text + part.text };
      else blocks.push({ type: part.type, text: part.text });
    } else if (last?.type === "tool-call") blocks[blocks.length - 1] = { type: "tool-call", call: { ...last.call, arguments: last.call.arguments + part.text } };
  }
  return blocks;
}

/** One answer, whole. @throws where it ended without an end */
export async function collectBlocks(events: AsyncIterable<AnswerEvent>): Promise<{ readonly blocks: readonly AnswerBlock[]; readonly end: AnswerEnd }> {
  const parts: AnswerPart[] = [];
  let end: AnswerEnd | undefined;
  for await (const event of events) {
    if (event.type === "finish") end = event;
    else if (event.type !== "progress") parts.push(event);
  }
  if (end === undefined) throw new Error("The engine ended without a finish event.");
  return { blocks: blocksOf(parts), end };
}
