import { Template } from "@huggingface/jinja";
import { InvalidRequestError, TokenizerError } from "@elastic-attention/core";
import type { ChatMessage } from "../request/generation-request.js";

const roles = ["system", "user", "assistant"];
const tokenNames = ["bos_token", "eos_token", "pad_token", "unk_token"];

/** What a template is told besides the messages. */
export interface ChatTemplateOptions {
  /** Ends with the opening of the assistant's turn; default true. Training texts end with the answer instead. */
  readonly addGenerationPrompt?: boolean;
  /** Switches of the model's own, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** A model's Jinja template for conversations. */
export class ChatTemplate {
  readonly #template: Template;
  readonly #tokens: Record<string, unknown> = {};

  /**
   * @param config tokenizer_config.json, which names the special tokens that templates use.
   * @throws TokenizerError when the template cannot be parsed
   */
  constructor(source: string, config: Readonly<Record<string, unknown>> = {}) {
    try {
      this.#template = new Template(source);
    } catch (cause) {
      throw new TokenizerError(`The chat template cannot be parsed: ${(cause as Error).message}`, {
        hint: "Download tokenizer_config.json again, or put a mended template into chat_template.jinja beside it.",
        cause,
      });
    }
    for (const name of tokenNames) {
      const value = config[name];
      // Either the text or a record of an added token.
      const text = typeof value === "object" && value !== null ? (value as { content?: unknown }).content : value;
      if (typeof text === "string") this.#tokens[name] = text;
    }
  }

  /** The conversation, by default followed by the opening of the assistant's turn. @throws InvalidRequestError */
  render(messages: readonly ChatMessage[], { addGenerationPrompt = true, variables = {} }: ChatTemplateOptions = {}): string {
    checkMessages(messages);
    // Copies: a template may change what it is given.
    const copies = messages.map(({ role, content }) => ({ role, content }));
    try {
      return this.#template.render({ ...this.#tokens, ...variables, messages: copies, add_generation_prompt: addGenerationPrompt, tools: null });
    } catch (error) {
      throw new InvalidRequestError(
        `The model's chat template refuses these messages: ${(error as Error).message}`,
        "Most templates want user and assistant to take turns, and at most one system message, in front.",
      );
    }
  }
}

function checkMessages(messages: readonly ChatMessage[]): void {
  if (!Array.isArray(messages) || messages.length === 0) throw new InvalidRequestError("A conversation needs at least one message.");
  for (const [index, message] of (messages as readonly Partial<ChatMessage>[]).entries()) {
    if (!roles.includes(String(message?.role)) || typeof message.content !== "string") {
      throw new InvalidRequestError(`messages[${index}] must have a role (${roles.join(", ")}) and a content text.`);
    }
  }
}
