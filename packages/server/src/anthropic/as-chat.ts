import type { ChatBody } from "../openai/chat/chat-schema.js";
import type { Message } from "../openai/chat/message-schema.js";
import { cannotHonour } from "../openai/sampling-fields.js";
import type { CountTokensBody, MessagesBody } from "./messages-schema.js";

type Block = Exclude<MessagesBody["messages"][number]["content"], string>[number];

/** The prompt of Anthropic's form as a chat of OpenAI's. @throws ApiError 400 for what cannot be honoured */
export function promptAsChat(body: CountTokensBody): Pick<ChatBody, "messages" | "tools" | "tool_choice" | "parallel_tool_calls" | "chat_template_kwargs"> {
  const { system, messages, tools, tool_choice: choice, thinking } = body;
  return {
    messages: [...(system == null ? [] : [{ role: "system" as const, content: textOf(system) }]), ...messages.flatMap(asMessages)],
    tools: tools?.map(({ name, description, input_schema: parameters, strict }) => ({ type: "function", function: { name, description, parameters, strict } })),
    tool_choice: choice == null ? undefined : asToolChoice(choice),
    ...(choice != null && choice.type !== "none" && choice.disable_parallel_tool_use === true ? { parallel_tool_calls: false } : {}),
    ...(thinking == null ? {} : { chat_template_kwargs: { enable_thinking: thinking.type !== "disabled" } }),
  };
}

/** A request of Anthropic's form as a chat of OpenAI's. @throws ApiError 400 for what cannot be honoured */
export function messagesAsChat(body: MessagesBody): ChatBody {
  for (const name of ["container", "context_management", "output_config", "output_format"] as const) if (body[name] != null) throw cannotHonour(name);
  if ((body.mcp_servers ?? []).length > 0) throw cannotHonour("mcp_servers");
  const { max_tokens, stop_sequences: stop, temperature, top_p, top_k, elastic } = body;
  return { ...promptAsChat(body), max_tokens, stop, temperature, top_p, top_k, elastic };
}

function asToolChoice(choice: NonNullable<CountTokensBody["tool_choice"]>): ChatBody["tool_choice"] {
  if (choice.type === "tool") return { type: "function", function: { name: choice.name } };
  return choice.type === "any" ? "required" : choice.type;
}

/** What tools gave are messages of their own, in front of what the user says besides. */
function asMessages({ role, content }: MessagesBody["messages"][number]): Message[] {
  if (typeof content === "string") return [{ role, content }];
  const results = content.flatMap((block): Message[] =>
    block.type === "tool_result" ? [{ role: "tool", tool_call_id: block.tool_use_id, content: (block.is_error === true ? "Error: " : "") + textOf(block.content ?? "") }] : [],
  );
  const text = content.flatMap((block) => (block.type === "text" ? [block.text] : [])).join("\n");
  if (role === "user") return [...results, ...(text === "" && results.length > 0 ? [] : [{ role, content: text }])];
  const thoughts = content.flatMap((block) => (block.type === "thinking" ? [block.thinking] : [])).join("\n");
  const calls = content.flatMap((block) => (block.type === "tool_use" ? [asCall(block)] : []));
  return [{ role, content: text, ...(thoughts === "" ? {} : { reasoning_content: thoughts }), ...(calls.length === 0 ? {} : { tool_calls: calls }) }];
}

function asCall({ id, name, input }: Extract<Block, { type: "tool_use" }>) {
  return { id, type: "function" as const, function: { name, arguments: JSON.stringify(input) } };
}

function textOf(content: string | readonly { readonly text: string }[]): string {
  return typeof content === "string" ? content : content.map(({ text }) => text).join("\n");
}
