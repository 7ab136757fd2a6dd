import { ChatTemplate as Template, type ChatRenderOptions, TemplateError, TemplateRaisedError } from "@elastic-attention/chat-template";
import { ChatTemplateError, TokenizerError } from "@elastic-attention/core";
import type { ChatMessage } from "../request/generation-request.js";

/** How long the message that a template refuses is looked for. */
const searchMilliseconds = 100;
const tokenNames = ["bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token"];

/** What a template is told besides the messages: tools, documents, variables, a message to continue, the clock, limits. */
export interface ChatTemplateOptions extends Omit<ChatRenderOptions, "addGenerationPrompt"> {
  /**
   * Ends with the opening of the assistant's turn; default true, unless the final message is continued. Training texts end
   * with the answer instead.
   */
  readonly addGenerationPrompt?: boolean | undefined;
  /**
   * Whether the model is to think before it answers, for templates that have a switch for it (the variable `enable_thinking`,
   * in some `thinking`); default: as the template does without being told.
   */
  readonly thinking?: boolean | undefined;
}

/** Variables by which templates are told whether to think. */
const thinkingVariables = ["enable_thinking", "thinking"];

/** A model's Jinja template for conversations. */
export class ChatTemplate {
  readonly #template: Template;
  /** Those of {@link thinkingVariables} that the template reads. */
  readonly #thinkingVariables: readonly string[];

  /**
   * @param config tokenizer_config.json, which names the special tokens that templates use.
   * @throws TokenizerError when the template cannot be parsed
   */
  constructor(source: string, config: Readonly<Record<string, unknown>> = {}) {
    this.#thinkingVariables = thinkingVariables.filter((name) => readsVariable(source, name));
    try {
      this.#template = new Template(source, { variables: specialTokens(config) });
    } catch (cause) {
      if (!TemplateError.isInstance(cause)) throw cause;
      throw new TokenizerError(`The chat template cannot be parsed: ${cause.message}${place(cause)}`, {
        hint: "Download tokenizer_config.json again, or put a corrected template into chat_template.jinja beside it.",
        cause,
      });
    }
  }

  /** Whether the template has a switch for thinking. */
  get hasThinkingSwitch(): boolean {
    return this.#thinkingVariables.length > 0;
  }

  /** The conversation, by default followed by the opening of the assistant's turn. @throws ChatTemplateError */
  render(messages: readonly ChatMessage[], options: ChatTemplateOptions = {}): string {
    const { thinking, ...rest } = options;
    const variables = { ...this.#thinkingSwitch(thinking), ...options.variables };
    const complete = { ...rest, variables, addGenerationPrompt: options.addGenerationPrompt ?? options.continueFinalMessage !== true };
    try {
      return this.#template.render(messages, complete);
    } catch (error) {
      if (!TemplateError.isInstance(error)) throw error;
      if (!TemplateRaisedError.isInstance(error)) {
        throw new ChatTemplateError(`The chat template cannot render these messages: ${error.message}${place(error)}`, error.hint, error);
      }
      const index = this.#refusedMessage(messages, complete);
      const which = index === undefined ? "these messages" : `messages[${index}]`;
      const hint = "Most templates want user and assistant to take turns, and at most one system message, in front.";
      throw new ChatTemplateError(`The model's chat template refuses ${which}: ${error.message}`, hint, error);
    }
  }

  /** The switch as variables of the template. */
  #thinkingSwitch(thinking: boolean | undefined): Record<string, boolean> {
    if (thinking === undefined) return {};
    if (!this.hasThinkingSwitch) {
      throw new ChatTemplateError("The model's chat template has no switch for thinking.", `It reads neither ${thinkingVariables.join(" nor ")}: leave the option out.`);
    }
    return Object.fromEntries(this.#thinkingVariables.map((name) => [name, thinking]));
  }

  /** The first message with which the conversation up to there is refused; undefined when it is not the messages' doing. */
  #refusedMessage(messages: readonly ChatMessage[], options: ChatTemplateOptions): number | undefined {
    const raises = (count: number): boolean => {
      try {
        this.#template.render(messages.slice(0, count), { ...options, continueFinalMessage: false });
        return false;
      } catch (error) {
        return TemplateRaisedError.isInstance(error);
      }
    };
    // A slow template is not worth the wait.
    const end = performance.now() + searchMilliseconds;
    for (let count = 1; count <= messages.length && performance.now() < end; count++) if (raises(count)) return count - 1;
    return undefined;
  }
}

/** As a variable: not as a part of something, nor as a text. */
function readsVariable(source: string, name: string): boolean {
  return new RegExp(`(?<![.\\w'"])${name}(?![\\w'"])`).test(source);
}

function place({ line, column }: TemplateError): string {
  return line === undefined ? "" : ` (line ${line}, column ${column} of the template)`;
}

/** Either the text or a record of an added token. */
function specialTokens(config: Readonly<Record<string, unknown>>): Record<string, string> {
  const tokens: Record<string, string> = {};
  for (const name of tokenNames) {
    const value = config[name];
    const text = typeof value === "object" && value !== null ? (value as { content?: unknown }).content : value;
    if (typeof text === "string") tokens[name] = text;
  }
  return tokens;
}
