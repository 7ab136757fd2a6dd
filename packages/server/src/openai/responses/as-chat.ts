import type { ChatBody } from "../chat/chat-schema.js";
import type { Message } from "../chat/message-schema.js";
import { cannotHonour } from "../sampling-fields.js";
import type { InputItem, ResponsesBody } from "./responses-schema.js";

/** A request of the Responses API as a chat. @throws ApiError 400 for what cannot be honoured */
export function responsesAsChat(body: ResponsesBody): ChatBody {
  refuseUnsupported(body);
  const { input, instructions, tools, tool_choice: choice, text, reasoning, parallel_tool_calls, max_output_tokens: max_tokens, temperature, top_p, elastic } = body;
  const items: readonly InputItem[] = typeof input === "string" ? [{ role: "user", content: input }] : input;
  return {
    messages: [...(instructions == null ? [] : [{ role: "system" as const, content: instructions }]), ...asMessages(items)],
    max_tokens,
    temperature,
    top_p,
    elastic,
    parallel_tool_calls,
    tools: tools?.map(({ type, ...rest }) => ({ type, function: rest })),
    tool_choice: choice == null || typeof choice === "string" ? choice : { type: "function", function: { name: choice.name } },
    response_format: formatOf(text?.format),
    reasoning_effort: reasoning?.effort,
  };
}

function formatOf(format: NonNullable<ResponsesBody["text"]>["format"]): ChatBody["response_format"] {
  if (format == null || format.type !== "json_schema") return format;
  const { type, ...schema } = format;
  return { type, json_schema: schema };
}

/** Thoughts and calls stand beside the message of the turn that they belong to. */
function asMessages(items: readonly InputItem[]): Message[] {
  const messages: Message[] = [];
  const assistant = (): Extract<Message, { role: "assistant" }> => {
    const last = messages.at(-1);
    if (last?.role === "assistant") return last;
    const turn: Extract<Message, { role: "assistant" }> = { role: "assistant", content: "" };
    messages.push(turn);
    return turn;
  };
  for (const item of items) {
    if (item.type === "function_call") {
      const turn = assistant();
      turn.tool_calls = [...(turn.tool_calls ?? []), { id: item.call_id, type: "function", function: { name: item.name, arguments: item.arguments } }];
    } else if (item.type === "function_call_output") {
      messages.push({ role: "tool", tool_call_id: item.call_id, content: textOf(item.output) });
    } else if (item.type === "reasoning") {
      const turn = assistant();
      const thoughts = (item.content ?? item.summary ?? []).map(({ text }) => text).join("\n");
      if (thoughts !== "") turn.reasoning_content = thoughts;
    } else if (item.role === "assistant") {
      const turn = assistant();
      const said = textOf(item.content);
      turn.content = turn.content == null || turn.content === "" ? said : `${textOf(turn.content as string)}\n${said}`;
    } else messages.push({ role: item.role, content: textOf(item.content) });
  }
  return messages;
}

type Content = Extract<InputItem, { role: string }>["content"];

function textOf(content: Content): string {
  if (typeof content === "string") return content;
  return content.map((part) => ("text" in part ? part.text : part.refusal)).join("\n");
}

function refuseUnsupported(body: ResponsesBody): void {
  for (const name of ["store", "background"] as const) if (body[name] === true) throw cannotHonour(name, "this server keeps no responses");
  for (const name of ["previous_response_id", "conversation", "prompt"] as const) if (body[name] != null) throw cannotHonour(name, "this server keeps no responses; send the whole input");
  if (body.truncation === "auto") throw cannotHonour("truncation", "nothing is ever cut");
  if ((body.include ?? []).length > 0) throw cannotHonour("include");
  if (body.max_tool_calls != null) throw cannotHonour("max_tool_calls");
  if ((body.top_logprobs ?? 0) > 0) throw cannotHonour("top_logprobs");
}
