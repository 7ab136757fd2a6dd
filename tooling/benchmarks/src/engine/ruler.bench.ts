import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { demoModelDirectory } from "@elastic-attention/demo-model";
import { type EvaluationSample, type EvaluationTask, type EvaluationTokenizer, findSuite, sampleTokens } from "@elastic-attention/evaluation";
import { Tokenizer } from "@elastic-attention/generation";
import type { Benchmark } from "../benchmark.js";
import { type Figure, figure } from "../figures/figure.js";
import { median } from "../figures/statistics.js";

/** The length whose speed is a target: 1 000 samples in under a minute. */
const timedLength = 8192;
const timedSamples = 1000;

export const benchmark: Benchmark = {
  description: "RULER: share of the target length that prompts reach, and seconds for 1 000 samples of 8 192 tokens",
  async run(options, progress) {
    const figures: Figure[] = [];
    const lengths = options.tokens ?? (options.tiny ? [2048] : [4096, 8192, 16_384, 32_768, 65_536, 131_072]);
    const samples = options.rounds ?? (options.tiny ? 1 : 3);
    // Other benchmarks' shapes are names; a run of all of them gets the demo model here.
    const folders = (options.shapes ?? []).filter((shape) => existsSync(join(shape, "tokenizer.json")));
    for (const folder of folders.length > 0 ? folders : [demoModelDirectory()]) {
      const tokenizer = Tokenizer.load(folder);
      const name = folder === demoModelDirectory() ? "demo model" : basename(folder);
      const tasks = await findSuite("ruler").tasks({});
      for (const length of lengths) {
        for (const task of tasks) {
          progress(`${name}, ${task.name}, ${length} tokens`);
          const made = await make(task, tokenizer, length, samples);
          const shares = made.samples.map((sample) => (sampleTokens(sample, tokenizer).length + sample.maxNewTokens) / length);
          const over = shares.filter((share) => share > 1).length;
          figures.push(
            figure({
              what: `${name}, ${task.name}, ${length} tokens`,
              unit: "share",
              // The worst prompt is judged: the shortest. One longer than its target makes it 0.
              ours: { name: "reached", best: Math.max(...shares), median: over > 0 ? 0 : Math.min(...shares), samples },
              target: options.tiny ? undefined : { bound: "at least", value: 0.98 },
              higherIsBetter: true,
              note: over > 0 ? `${over} longer than the target` : undefined,
            }),
          );
        }
      }
      if (!options.tiny) figures.push(await speed(tasks, tokenizer, name, progress));
    }
    return { figures, notes: ["Prompt and answer together, each prompt encoded as a whole; median is the shortest of the samples, best the longest."] };
  },
};

interface Made {
  readonly samples: readonly EvaluationSample[];
  readonly seconds: number;
}

async function make(task: EvaluationTask, tokenizer: EvaluationTokenizer, length: number, count: number): Promise<Made> {
  const start = performance.now();
  const samples: EvaluationSample[] = [];
  for await (const sample of task.samples({ tokenizer, contextLength: length, lengths: [length], samplesPerTask: count })) samples.push(sample);
  return { samples, seconds: (performance.now() - start) / 1000 };
}

/** Every task makes its share of the samples, counts of the haystack's sentences included. */
async function speed(tasks: readonly EvaluationTask[], tokenizer: Tokenizer, name: string, progress: (line: string) => void): Promise<Figure> {
  // A tokenizer object of its own has no counts yet.
  const cold: EvaluationTokenizer = {
    encode: (text, options) => tokenizer.encode(text, options),
    decode: (ids, options) => tokenizer.decode(ids, options),
    hasChatTemplate: tokenizer.hasChatTemplate,
    applyChatTemplate: (messages, options) => tokenizer.applyChatTemplate(messages, options),
  };
  const share = Math.ceil(timedSamples / tasks.length);
  const seconds: number[] = [];
  let made = 0;
  const before = process.cpuUsage();
  for (const task of tasks) {
    progress(`${name}, ${share} samples of ${task.name}`);
    const result = await make(task, cold, timedLength, share);
    seconds.push(result.seconds);
    made += result.samples.length;
  }
  const { user, system } = process.cpuUsage(before);
  const processor = ((user + system) / 1e6) * (timedSamples / made);
  const total = (seconds.reduce((sum, each) => sum + each, 0) * timedSamples) / made;
  return figure({
    what: `${name}, ${timedSamples} samples of ${timedLength} tokens`,
    unit: "s",
    ours: { name: "made", best: total, median: total, samples: 1 },
    target: { bound: "at most", value: 60 },
    higherIsBetter: false,
    note: `${processor.toFixed(1)} s of processor time; median task ${((median(seconds) / share) * 1000).toFixed(1)} ms a sample`,
  });
}
