import { findSuite, type EvaluationSample, type GenerationTask, sampleTokens, type SuiteOptions } from "../../src/index.js";
import { demoTokenizer } from "../demo-tokenizer.js";

export const ruler = findSuite("ruler");

/** One task of the suite by its name. */
export async function rulerTask(name: string, options: SuiteOptions = {}): Promise<GenerationTask> {
  const [only] = await ruler.tasks({ ...options, tasks: [name] });
  return only as GenerationTask;
}

/** What prompt and answer together take of the target length. */
export function shareOf(one: EvaluationSample, length: number, tokenizer = demoTokenizer() as Parameters<typeof sampleTokens>[1]): number {
  return (sampleTokens(one, tokenizer).length + one.maxNewTokens) / length;
}

/** How often a part stands in a text. */
export function count(text: string, part: string): number {
  return text.split(part).length - 1;
}
