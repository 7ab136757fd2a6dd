import { InvalidOptionError } from "@elastic-attention/core";
import type { ChatMessage, ChatTemplateOptions, GenerationRequest } from "@elastic-attention/generation";
import type { PromptOptions, TemplateOptions } from "../options/prompt-options.js";
import { readJsonList } from "./read-json-file.js";
import { readPrompt } from "./read-prompt.js";

/** What a command's prompt is: raw text, or a conversation with what its template is told. */
export type PromptInput = Pick<GenerationRequest, "prompt" | "messages" | "chatTemplate">;

/** What the model's tokenizer knows of conversations. */
interface ChatModel {
  readonly hasChatTemplate: boolean;
  readonly hasThinkingSwitch: boolean;
}

/** A prompt in its parts, before a model is loaded. */
export interface PromptParts {
  /** Text of the files, standard input and the argument; undefined where a conversation was given and nothing else. */
  readonly text: string | undefined;
  readonly messages: readonly ChatMessage[];
  readonly template: ChatTemplateOptions | undefined;
  readonly raw: boolean;
}

/** A prompt of text alone. */
export function plainPrompt(text: string): PromptParts {
  return { text, messages: [], template: undefined, raw: false };
}

/** Reads whatever a prompt is made of, so that what is wrong with it is said before a model is loaded. @throws the errors of {@link readPrompt}, InvalidOptionError */
export async function readPromptParts(argument: string | undefined, options: PromptOptions & { readonly json?: boolean }): Promise<PromptParts> {
  const { file, messages, system, raw = false } = options;
  const given = messages === undefined ? [] : (readJsonList(messages, "--messages", "messages") as readonly ChatMessage[]);
  const template = templateInput(options);
  const onlyMessages = messages !== undefined && argument === undefined && file === undefined;
  const note = (text: string) => {
    if (options.json !== true) console.error(`note: ${text}`);
  };
  const text = onlyMessages ? undefined : await readPrompt(argument, file, note);
  return { text, messages: [...systemMessage(system), ...given], template, raw };
}

/** The part of a request that says what is read: a conversation where the model has a template, else raw text. @throws InvalidOptionError */
export function promptInput({ text, messages, template, raw }: PromptParts, model: ChatModel): PromptInput {
  if (raw) return { prompt: text ?? "" };
  if (!model.hasChatTemplate) {
    if (messages.length === 0 && template === undefined) return { prompt: text ?? "" };
    throw new InvalidOptionError("The model has no chat template for a system message, messages, tools or variables.", messages.length > 0 ? "--system" : "--tools", "Leave them out: the prompt is then read as it is.");
  }
  requireSwitch(template, model);
  const user: readonly ChatMessage[] = text === undefined ? [] : [{ role: "user", content: text }];
  return { messages: [...messages, ...user], ...(template === undefined ? {} : { chatTemplate: template }) };
}

/** @throws InvalidOptionError for --thinking and --no-thinking where the model's template has no switch for it */
export function requireSwitch(template: ChatTemplateOptions | undefined, { hasThinkingSwitch }: Pick<ChatModel, "hasThinkingSwitch">): void {
  if (template?.thinking === undefined || hasThinkingSwitch) return;
  const option = template.thinking ? "--thinking" : "--no-thinking";
  throw new InvalidOptionError(`${option}: the model's chat template has no switch for thinking.`, option, "Leave it out, or set the template's own variable with --variable name=value.");
}

/** A system message as the first of a conversation. */
export function systemMessage(system: string | undefined): readonly ChatMessage[] {
  return system === undefined ? [] : [{ role: "system", content: system }];
}

/** What options tell the model's template; undefined where they tell nothing. @throws InvalidOptionError */
export function templateInput({ tools, documents, thinking, noThinking, variable }: TemplateOptions): ChatTemplateOptions | undefined {
  const told: ChatTemplateOptions = {
    ...(tools === undefined ? {} : { tools: readJsonList(tools, "--tools", "tools") }),
    ...(documents === undefined ? {} : { documents: readJsonList(documents, "--documents", "documents") }),
    ...(thinking === undefined && noThinking === undefined ? {} : { thinking: thinking === true }),
    ...(variable === undefined ? {} : { variables: Object.fromEntries(variable.map(readVariable)) }),
  };
  return Object.keys(told).length === 0 ? undefined : told;
}

/** `name=value`, whose value is JSON, or else a text. */
function readVariable(pair: string): [name: string, value: unknown] {
  const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(pair) ?? [];
  if (name === undefined) throw new InvalidOptionError(`--variable takes name=value, found ${JSON.stringify(pair)}.`, "--variable", "For example --variable reasoning_effort=high.");
  try {
    return [name, JSON.parse(value!)];
  } catch {
    return [name, value];
  }
}
