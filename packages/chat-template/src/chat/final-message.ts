import { TemplateInputError } from "../errors/template-input-error.js";
import { trimEnd, trimStart } from "../text/whitespace.js";
import { PythonDict } from "../values/python-dict.js";
import type { Value } from "../values/value.js";
import { textOf } from "./messages.js";

const tag = "CONTINUE_FINAL_MESSAGE_TAG";
/** The space shows whether the template trims what a message ends with. */
const tagAndSpace = `${tag} `;

/** The last message with a mark at its end, and how the rendered text is cut there. */
export interface MarkedFinalMessage {
  readonly messages: readonly Value[];
  cut(rendered: string): string;
}

/** For `continueFinalMessage`: the rendered text is to end where the last message's text ends. */
export function markFinalMessage(messages: readonly PythonDict[]): MarkedFinalMessage {
  const last = messages.at(-1);
  const content = last?.getText("content");
  if (last === undefined || content === undefined) throw refusal("the last message has no content");
  const marked = last.copy();
  const { text, content: markedContent } = markContent(content);
  marked.set("content", markedContent);
  return { messages: [...messages.slice(0, -1), marked], cut: (rendered) => cutAtTag(rendered, trimEnd(trimStart(text))) };
}

function markContent(content: Value): { text: string; content: Value } {
  const plain = textOf(content);
  if (plain !== undefined) return { text: plain, content: plain + tagAndSpace };
  if (!Array.isArray(content)) throw refusal("the last message's content is neither a text nor a list of parts");
  const parts = content as readonly Value[];
  const index = parts.findLastIndex((part) => part instanceof PythonDict && part.has("text"));
  const text = index < 0 ? undefined : textOf((parts[index] as PythonDict).getText("text"));
  if (text === undefined) throw refusal("no part of the last message's content has a text");
  const part = (parts[index] as PythonDict).copy();
  part.set("text", text + tagAndSpace);
  return { text, content: parts.with(index, part) };
}

function cutAtTag(rendered: string, text: string): string {
  const at = rendered.lastIndexOf(tag);
  if (at < 0 || !rendered.includes(text)) throw refusal("the template does not write the last message as it is");
  const before = rendered.slice(0, at);
  return rendered.startsWith(tagAndSpace, at) ? before : trimEnd(before);
}

function refusal(reason: string): TemplateInputError {
  return new TemplateInputError(`The last message cannot be continued: ${reason}.`, {
    hint: "Leave continueFinalMessage out, or end the conversation with a message whose text the template writes.",
  });
}
