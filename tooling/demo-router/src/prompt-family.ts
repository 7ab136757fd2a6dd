import type { Haystack } from "./haystack.js";
import type { SeededRandom } from "./seeded-random.js";

/** Classes of the training objective. */
export type TaskClass = "Single QA" | "MultiHop QA" | "Summarization" | "Code" | "In-Context Learning";

/** One prompt and what should be answered. */
export interface DemoPrompt {
  readonly preamble: string;
  readonly context: string;
  readonly question: string;
  readonly answer: string;
}

/** A kind of prompt that the demo model was trained on. */
export interface PromptFamily {
  readonly name: string;
  readonly task: TaskClass;
  /** Share of the training rows. */
  readonly weight: number;
  /** No answer is the right one: prompts count for tokens and sparsity, not for exact answers. */
  readonly openEnded?: true;
  /** @param budget about how many tokens the prompt and answer take */
  make(random: SeededRandom, haystack: Haystack, budget: number): DemoPrompt;
}

export function joinWords(words: readonly string[]): string {
  return words.length === 1 ? words[0]! : `${words.slice(0, -1).join(", ")} and ${words.at(-1)!}`;
}

/** Token ids for the haystack: what the budget leaves. */
export function contextTokens(budget: number, reserve: number): number {
  return Math.max(32, budget - reserve);
}

/** Full sentences of a text that are neither very short nor very long. */
export function sentencesOf(text: string): string[] {
  return text.split(/(?<=[.!?])\s+/).map((sentence) => sentence.trim()).filter((sentence) => sentence.length > 20 && sentence.length < 220);
}
