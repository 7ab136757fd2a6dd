import { InvalidRequestError } from "@elastic-attention/core";
import type { ChatMessage, Engine } from "@elastic-attention/generation";
import type { CallFormName } from "./call-form.js";

/** What a model's chat template does with tools. */
export interface ToolTemplate {
  /** Whether it tells the model of the tools there are; else they have to be described in a message. */
  readonly showsTools: boolean;
  /** How it writes calls; the most common form where it writes none, or in a form of its own. */
  readonly form: CallFormName;
}

const toolName = "probe_the_template";
const callId = "abcdefghi";
const tool = { type: "function", function: { name: toolName, description: "Looks", parameters: { type: "object", properties: { place: { type: "string" } } } } };
const question: ChatMessage = { role: "user", content: "Hello" };
const call: ChatMessage = {
  role: "assistant",
  content: "",
  tool_calls: [{ id: callId, type: "function", function: { name: toolName, arguments: { place: "here" } } }],
};
const result: ChatMessage = { role: "tool", name: toolName, tool_call_id: callId, content: "There" };

/** Each form as a template writes it, whatever its white space. */
const written: readonly (readonly [CallFormName, RegExp])[] = [
  ["hermes", new RegExp(`<tool_call>\\s*\\{\\s*"name":\\s*"${toolName}"`)],
  ["mistral", new RegExp(`\\[TOOL_CALLS\\]\\s*\\[\\s*\\{"name":\\s*"${toolName}"`)],
  ["mistral-named", new RegExp(`\\[TOOL_CALLS\\]\\s*${toolName}`)],
  ["llama", new RegExp(`(?<!<tool_call>\\s*)\\{\\s*"name":\\s*"${toolName}",\\s*"parameters"`)],
];

/** Asks a model's template by having it write a conversation with a tool and a call. */
export async function readToolTemplate(engine: Engine): Promise<ToolTemplate> {
  if (!engine.model.hasChatTemplate) return { showsTools: true, form: "hermes" };
  const told = await rendered(engine, [question], [tool]);
  // Some templates want each call to be followed by what it gave.
  const calling = (await rendered(engine, [question, call, result], [])) ?? (await rendered(engine, [question, call], [])) ?? "";
  const form = written.find(([, pattern]) => pattern.test(calling))?.[0] ?? "hermes";
  // A template that refuses the tool has an opinion of it.
  return { showsTools: told === undefined || told.includes(toolName), form };
}

async function rendered(engine: Engine, messages: readonly ChatMessage[], tools: readonly Readonly<Record<string, unknown>>[]): Promise<string | undefined> {
  try {
    return await engine.render({ messages, chatTemplate: tools.length === 0 ? {} : { tools } });
  } catch (error) {
    if (!InvalidRequestError.isInstance(error)) throw error;
    return undefined;
  }
}
