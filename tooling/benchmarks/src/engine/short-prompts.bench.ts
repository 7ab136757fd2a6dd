import { demoModelDirectory } from "@elastic-attention/demo-model";
import { LocalEngine } from "@elastic-attention/generation";
import { registerQwen } from "@elastic-attention/model-qwen";
import type { Benchmark } from "../benchmark.js";
import { type Figure, figure } from "../figures/figure.js";
import { rate } from "../figures/statistics.js";
import { promptTokens } from "../random-models/prompt-tokens.js";
import { startBackend } from "../workloads/start-backend.js";

/** Prompts that come at once. */
const defaultPrompts = 32;

export const benchmark: Benchmark = {
  description: "Prompt tokens per second of many short prompts at once on the demo model, against one after another",
  async run(options, progress) {
    using backend = await startBackend(options);
    registerQwen();
    await using engine = await LocalEngine.load({ path: demoModelDirectory(), backend });
    const rounds = options.rounds ?? (options.tiny ? 1 : 7);
    const figures: Figure[] = [];
    for (const count of options.batches ?? [defaultPrompts]) {
      for (const tokens of options.tokens ?? [200]) {
        const all = promptTokens({ vocabularySize: engine.model.vocabularySize } as Parameters<typeof promptTokens>[0], count * tokens);
        const prompts = Array.from({ length: count }, (_, index) => all.slice(index * tokens, (index + 1) * tokens));
        const atOnce = () => Promise.all(prompts.map((prompt) => firstToken(engine, prompt)));
        const oneByOne = async () => {
          const first: number[] = [];
          for (const prompt of prompts) first.push(await firstToken(engine, prompt));
          return first;
        };
        // Both in turns; the first round warms up.
        const seconds = { atOnce: [] as number[], oneByOne: [] as number[] };
        for (let round = 0; round <= rounds; round++) {
          const [together, togetherSeconds] = await timed(atOnce);
          const [alone, aloneSeconds] = await timed(oneByOne);
          if (together.join() !== alone.join()) throw new Error("Prompts that are read together get other tokens.");
          if (round === 0) continue;
          seconds.atOnce.push(togetherSeconds);
          seconds.oneByOne.push(aloneSeconds);
        }
        const what = `demo model, ${count} prompts of ${tokens} tokens`;
        const found = figure({
          what,
          unit: "prompt tokens/s",
          ours: rate("at once", seconds.atOnce, count * tokens),
          peer: rate("one after another", seconds.oneByOne, count * tokens),
          higherIsBetter: true,
          targetIsRatio: true,
          target: options.tiny ? undefined : { bound: "at least", value: options.backend === "cuda" ? 2 : 1.3 },
        });
        figures.push(found);
        progress(`${what}: ${found.ours.median.toFixed(0)} tokens/s at once, ${found.ratio!.median.toFixed(2)} times one after another`);
      }
    }
    return { figures, notes: [`On ${backend.device.description}; every prompt's first token is the same both ways.`] };
  },
};

async function firstToken(engine: LocalEngine, tokens: readonly number[]): Promise<number> {
  let first = -1;
  for await (const event of engine.generate({ tokens, maxNewTokens: 1 })) if (event.type === "token") first = event.id;
  return first;
}

async function timed<Result>(work: () => Promise<Result>): Promise<readonly [result: Result, seconds: number]> {
  const begun = performance.now();
  return [await work(), (performance.now() - begun) / 1000];
}
