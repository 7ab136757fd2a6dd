import { type MarkedFinalMessage, markFinalMessage } from "./chat/final-message.js";
import { prepareMessages } from "./chat/messages.js";
import { TemplateInputError } from "./errors/template-input-error.js";
import { language } from "./language.js";
import type { TemplateLimits } from "./limits/template-limits.js";
import { Program, type RenderOptions } from "./program.js";
import { transformersSettings } from "./template.js";
import type { Value } from "./values/value.js";

export interface ChatTemplateOptions {
  /** Variables of every rendering, such as `bos_token`; those of a rendering override them. */
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly limits?: Partial<TemplateLimits>;
}

/** What a conversation is rendered with, as transformers' `apply_chat_template` takes it. */
export interface ChatRenderOptions extends RenderOptions {
  /** Ends with the opening of the assistant's turn; default false. */
  readonly addGenerationPrompt?: boolean | undefined;
  /** Ends within the last message, which the model is to continue; default false. */
  readonly continueFinalMessage?: boolean | undefined;
  /** Tools as JSON schemas of functions; default none, which templates see as None. */
  readonly tools?: readonly unknown[] | null | undefined;
  /** Documents to answer from; default none. */
  readonly documents?: readonly unknown[] | null | undefined;
  /** Further variables of the template, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>> | undefined;
}

/** Variables that have an option of their own. */
const reserved = ["messages", "tools", "documents", "add_generation_prompt"];


/** A model's template for conversations, rendered as transformers renders it. Read once; renderings share nothing. */
export class ChatTemplate {
  readonly #program: Program;
  readonly #variables: Readonly<Record<string, unknown>>;

  /** @throws TemplateSyntaxError, TemplateLimitError, TemplateInputError */
  constructor(source: string, { variables = {}, limits = {} }: ChatTemplateOptions = {}) {
    refuseReserved(variables);
    this.#program = new Program(source, { syntax: transformersSettings, language, autoescape: false, limits });
    this.#variables = variables;
  }

  /**
   * The text of a conversation.
   *
   * @param messages with role, content (a text, or parts), and what else the template knows, such as `tool_calls`
   * @throws TemplateRaisedError with the template's own words; TemplateRuntimeError, TemplateLimitError, TemplateInputError
   */
  render(messages: readonly unknown[], options: ChatRenderOptions = {}): string {
    const { addGenerationPrompt = false, continueFinalMessage = false, tools = null, documents = null, variables = {} } = options;
    if (addGenerationPrompt && continueFinalMessage) {
      throw new TemplateInputError("A final message cannot be continued with a new turn behind it.", {
        hint: "Set only one of addGenerationPrompt and continueFinalMessage.",
      });
    }
    refuseReserved(variables);
    let final: MarkedFinalMessage | undefined;
    const rendered = this.#program.run(options, (reader) => {
      const context = new Map<string, Value>();
      for (const [name, value] of Object.entries({ ...this.#variables, ...variables })) {
        if (value !== undefined) context.set(name, reader.read(value, name));
      }
      context.set("tools", reader.read(tools, "tools"));
      context.set("documents", reader.read(documents, "documents"));
      const prepared = prepareMessages(reader.read(messages, "messages"));
      final = continueFinalMessage ? markFinalMessage(prepared) : undefined;
      context.set("messages", final?.messages ?? prepared);
      context.set("add_generation_prompt", addGenerationPrompt);
      return context;
    });
    return final === undefined ? rendered : final.cut(rendered);
  }
}

function refuseReserved(variables: Readonly<Record<string, unknown>>): void {
  const name = reserved.find((candidate) => candidate in variables);
  if (name === undefined) return;
  throw new TemplateInputError(`${name} is no further variable: it has an argument or option of its own.`);
}
