import { demoModelDirectory } from "@elastic-attention/demo-model";
import { Tokenizer } from "@elastic-attention/generation";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { EvaluationSample, EvaluationTask, EvaluationTokenizer, SampleOptions } from "../src/index.js";

let loaded: Tokenizer | undefined;

/** The demo model's tokenizer, which has a chat template. */
export function demoTokenizer(): Tokenizer {
  return (loaded ??= Tokenizer.load(demoModelDirectory()));
}

/** The same vocabulary without a chat template. */
export function plainTokenizer(): EvaluationTokenizer {
  const inner = demoTokenizer();
  return {
    encode: (text, options) => inner.encode(text, options),
    decode: (ids, options) => inner.decode(ids, options),
    hasChatTemplate: false,
    applyChatTemplate: () => {
      throw new Error("no chat template");
    },
  };
}

/** Samples of a task for the demo tokenizer, with 16 384 tokens of context unless said otherwise. */
export async function samplesOf(task: EvaluationTask, options: Partial<SampleOptions> = {}): Promise<EvaluationSample[]> {
  const samples: EvaluationSample[] = [];
  for await (const sample of task.samples({ tokenizer: demoTokenizer(), contextLength: 16_384, ...options })) samples.push(sample);
  return samples;
}

/** The prompt's text without chat template or answer prefix. */
export function promptText(sample: EvaluationSample): string {
  return sample.prompt ?? sample.messages!.map(({ content }) => (typeof content === "string" ? content : JSON.stringify(content))).join("\n");
}

/** Path of a shared data folder, undefined where it is not at hand. */
export function sharedData(name: string): string | undefined {
  const root = fileURLToPath(new URL("../../..", import.meta.url));
  const folder = join(process.env["ELASTIC_ATTENTION_SHARED"] ?? join(root, "../shared"), "data", name);
  return existsSync(folder) ? folder : undefined;
}
