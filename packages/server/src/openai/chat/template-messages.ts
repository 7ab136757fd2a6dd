import type { ChatMessage } from "@elastic-attention/generation";
import type { Message, Tool } from "./message-schema.js";

/** A conversation in the form that chat templates know. */
export function templateMessages(messages: readonly Message[]): ChatMessage[] {
  const toolNames = new Map<string, string>();
  return messages.map((message): ChatMessage => {
    switch (message.role) {
      case "developer":
        // The name that newer models have for the same; templates know the older one.
        return { role: "system", content: textOf(message.content) };
      case "assistant": {
        const { content, reasoning_content: thoughts, tool_calls: calls, refusal } = message;
        for (const call of calls ?? []) toolNames.set(call.id, call.function.name);
        return {
          role: "assistant",
          content: textOf(content ?? refusal ?? ""),
          ...(thoughts == null ? {} : { reasoning_content: thoughts }),
          ...(calls == null || calls.length === 0 ? {} : { tool_calls: calls.map(templateCall) }),
        };
      }
      case "tool": {
        const name = message.name ?? toolNames.get(message.tool_call_id);
        return { role: "tool", content: textOf(message.content), tool_call_id: message.tool_call_id, ...(name === undefined ? {} : { name }) };
      }
      default:
        return { role: message.role, content: textOf(message.content), ...(message.name === undefined ? {} : { name: message.name }) };
    }
  });
}

/** Templates write arguments as JSON themselves; a text that is none is refused by the engine, naming the message. */
function templateCall({ id, function: { name, arguments: text } }: NonNullable<Extract<Message, { role: "assistant" }>["tool_calls"]>[number]) {
  let given: unknown = text;
  try {
    given = JSON.parse(text === "" ? "{}" : text) as unknown;
  } catch {
    // The engine says which message it is.
  }
  return { id, type: "function", function: { name, arguments: given } };
}

function textOf(content: string | readonly ({ readonly type: "text"; readonly text: string } | { readonly type: "refusal"; readonly refusal: string })[]): string {
  if (typeof content === "string") return content;
  return content.map((part) => (part.type === "text" ? part.text : part.refusal)).join("\n");
}

/** Tools in the form that chat templates know; what is not given is left out, as templates ask for what is there. */
export function templateTools(tools: readonly Tool[]): Readonly<Record<string, unknown>>[] {
  return tools.map(({ function: { name, description, parameters } }) => ({
    type: "function",
    function: { name, ...(description == null ? {} : { description }), parameters: parameters ?? { type: "object", properties: {} } },
  }));
}
