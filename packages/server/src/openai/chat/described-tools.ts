import type { ChatMessage } from "@elastic-attention/generation";
import { callForm } from "../../answer/tool-calls/call-form.js";

type TemplateTool = Readonly<Record<string, unknown>>;

/**
 * A conversation for a chat template that says nothing of tools: a message in front describes them, and calls and what they
 * gave are written out as text.
 */
export function withDescribedTools(messages: readonly ChatMessage[], tools: readonly TemplateTool[]): ChatMessage[] {
  const written = messages.map(asText);
  if (tools.length === 0) return written;
  const [first, ...rest] = written;
  const description = descriptionOf(tools);
  if (first?.role !== "system") return [{ role: "system", content: description }, ...written];
  return [{ ...first, content: `${textOf(first)}\n\n${description}` }, ...rest];
}

function descriptionOf(tools: readonly TemplateTool[]): string {
  const { opener, head, tail, closer } = callForm("hermes");
  return [
    "These functions can be called, each described as JSON:",
    ...tools.map((tool) => JSON.stringify(tool["function"] ?? tool)),
    "To call one, answer in this form and wait for what it returns:",
    `${opener}${head("NAME")}{"ARGUMENT": "VALUE"}${tail}${closer}`,
  ].join("\n");
}

function asText(message: ChatMessage): ChatMessage {
  if (message.role === "tool") return { role: "user", content: `<tool_response>\n${textOf(message)}\n</tool_response>` };
  const calls = message["tool_calls"] as readonly { readonly function: { readonly name: string; readonly arguments: unknown } }[] | undefined;
  if (calls === undefined || calls.length === 0) return message;
  const { opener, head, tail, closer } = callForm("hermes");
  const texts = calls.map(({ function: { name, arguments: given } }) => `${opener}${head(name)}${JSON.stringify(given)}${tail}${closer}`);
  const { tool_calls: _, ...others } = message;
  return { ...others, role: message.role, content: [textOf(message), ...texts].filter((text) => text !== "").join("\n") };
}

function textOf({ content }: ChatMessage): string {
  return typeof content === "string" ? content : "";
}
