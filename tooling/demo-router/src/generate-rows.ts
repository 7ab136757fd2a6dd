import { factFamilies } from "./families/facts.js";
import { needleFamilies } from "./families/needles.js";
import { passageFamilies } from "./families/passages.js";
import { wholeTextFamilies } from "./families/whole-texts.js";
import type { Haystack } from "./haystack.js";
import type { DemoPrompt, PromptFamily } from "./prompt-family.js";
import { SeededRandom } from "./seeded-random.js";

/** Every kind of prompt that the demo model knows. */
export const promptFamilies: readonly PromptFamily[] = [...needleFamilies, ...factFamilies, ...passageFamilies, ...wholeTextFamilies];

/** A row as training data files hold it (reference semantics 7.1). */
export interface DataRow {
  readonly context: string;
  readonly question: string;
  readonly answer: string;
  readonly metadata: { readonly task: string; readonly is_prefix: false; readonly length: number; readonly family: string };
}

/**
 * Rows for training: families by weight, lengths spread evenly on a logarithmic scale. Half of them go without the
 * sentence in front that only their family has, so that routers look at texts and questions too.
 */
export function trainingRow(haystack: Haystack, seed: number, index: number, lengths: readonly [low: number, high: number]): DataRow {
  const random = new SeededRandom(seed, index);
  const family = random.weighted(promptFamilies.map((each) => [each, each.weight] as const));
  const budget = Math.round(lengths[0] * (lengths[1] / lengths[0]) ** random.next());
  const prompt = family.make(random, haystack, budget);
  return toRow(family, budget, random.next() < 0.5 ? { ...prompt, preamble: "" } : prompt);
}

/** One row of a family at a length. */
export function dataRow(family: PromptFamily, random: SeededRandom, haystack: Haystack, budget: number): DataRow {
  return toRow(family, budget, family.make(random, haystack, budget));
}

function toRow(family: PromptFamily, budget: number, { preamble, context, question, answer }: DemoPrompt): DataRow {
  const metadata = { task: family.task, is_prefix: false, length: budget, family: family.name } as const;
  return { context: preamble === "" ? context : `${preamble}\n${context}`, question, answer, metadata };
}
