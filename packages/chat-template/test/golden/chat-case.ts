import type { ChatTemplate } from "../../src/index.js";
import type { Expectation } from "./expectation.js";

/** A conversation and its settings, as the tables have them. */
export interface ChatCase extends Expectation {
  readonly id: string;
  readonly messages: readonly unknown[];
  readonly tools?: readonly unknown[] | null;
  readonly documents?: readonly unknown[] | null;
  readonly add_generation_prompt: boolean;
  readonly continue_final_message?: boolean;
  readonly variables: Record<string, unknown>;
  readonly now: string;
}

export function renderCase(template: ChatTemplate, chat: ChatCase): string {
  return template.render(chat.messages, {
    addGenerationPrompt: chat.add_generation_prompt,
    continueFinalMessage: chat.continue_final_message,
    tools: chat.tools,
    documents: chat.documents,
    variables: chat.variables,
    now: new Date(chat.now),
  });
}
