import { factFamilies } from "./families/facts.js";
import { needleFamilies } from "./families/needles.js";
import { wholeTextFamilies } from "./families/whole-texts.js";
import type { Haystack } from "./haystack.js";
import type { PromptFamily } from "./prompt-family.js";
import { SeededRandom } from "./seeded-random.js";

/** Every kind of prompt that the demo model knows. */
export const promptFamilies: readonly PromptFamily[] = [...needleFamilies, ...factFamilies, ...wholeTextFamilies];

/** A row as training data files hold it (reference semantics 7.1). */
export interface DataRow {
  readonly context: string;
  readonly question: string;
  readonly answer: string;
  readonly metadata: { readonly task: string; readonly is_prefix: false; readonly length: number; readonly family: string };
}

/** Rows for training: families by weight, lengths spread evenly on a logarithmic scale. */
export function trainingRow(haystack: Haystack, seed: number, index: number, lengths: readonly [low: number, high: number]): DataRow {
  const random = new SeededRandom(seed, index);
  const family = random.weighted(promptFamilies.map((each) => [each, each.weight] as const));
  const budget = Math.round(lengths[0] * (lengths[1] / lengths[0]) ** random.next());
  return dataRow(family, random, haystack, budget);
}

/** One row of a family at a length. */
export function dataRow(family: PromptFamily, random: SeededRandom, haystack: Haystack, budget: number): DataRow {
  const { preamble, context, question, answer } = family.make(random, haystack, budget);
  const metadata = { task: family.task, is_prefix: false, length: budget, family: family.name } as const;
  return { context: `${preamble}\n${context}`, question, answer, metadata };
}
