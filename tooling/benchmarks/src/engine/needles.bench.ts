import { join } from "node:path";
import { demoModelDirectory } from "@elastic-attention/demo-model";
import { mobyDick } from "@elastic-attention/evaluation";
import { LocalEngine, RandomStream } from "@elastic-attention/generation";
import { registerQwen } from "@elastic-attention/model-qwen";
import type { Benchmark } from "../benchmark.js";
import { type Figure, figure } from "../figures/figure.js";
import { startBackend } from "../workloads/start-backend.js";

const sparsities = [0, 0.5, 0.75, 0.9];
const keys = ["harbour", "lantern", "orchard", "violin", "compass", "meadow", "anchor", "chimney", "glacier", "pillow"];

export const benchmark: Benchmark = {
  description: "How often the demo model finds numbers hidden in Moby-Dick, by the share of its heads that are sparse",
  async run(options, progress) {
    using backend = await startBackend(options);
    registerQwen();
    await using engine = await LocalEngine.load({ path: demoModelDirectory(), backend, headList: join(demoModelDirectory(), "heads.json") });
    const samples = options.rounds ?? (options.tiny ? 1 : 10);
    const book = bookText();
    const figures: Figure[] = [];
    for (const tokens of options.tokens ?? (options.tiny ? [512] : [4096, 8192])) {
      for (const needles of [1, 4]) {
        const prompts = Array.from({ length: samples }, (_, sample) => prompt(engine, book, tokens, needles, sample));
        for (const sparsity of sparsities) {
          progress(`${tokens} tokens, ${needles} needles, MSR ${sparsity}`);
          let found = 0;
          for (const { content, answer } of prompts) {
            const request = { messages: [{ role: "user" as const, content }], maxNewTokens: 40, sparsity };
            for await (const event of engine.generate(request)) {
              if (event.type === "finish" && event.text.includes(answer)) found += 1;
            }
          }
          const share = found / samples;
          const what = `${needles === 1 ? "one needle" : `one of ${needles} needles`}, ${tokens} tokens, MSR ${sparsity}`;
          figures.push(figure({ what, unit: "share", ours: { name: "found", best: share, median: share, samples }, higherIsBetter: true }));
        }
      }
    }
    return { figures, notes: [`${samples} prompts each, greedy, the static head list that comes with the model.`] };
  },
};

/** A prompt of about so many tokens with numbers hidden at random depths, and the question for one of them. */
function prompt(engine: LocalEngine, book: string, tokens: number, needles: number, sample: number): { content: string; answer: string } {
  const random = new RandomStream(1000 * tokens + 10 * sample + needles);
  const start = Math.floor(random.next() * (book.length - 8 * tokens));
  const ids = engine.tokenizer.encode(book.slice(start, start + 8 * tokens), { addSpecialTokens: false });
  const sentences = engine.tokenizer.decode(ids.slice(0, tokens - 150 - 40 * needles)).split(/(?<=[.!?]) /);
  const chosen = Array.from({ length: needles }, (_, i) => keys[(sample * needles + i) % keys.length]!);
  const values = chosen.map(() => String(1_000_000 + Math.floor(random.next() * 9_000_000)));
  for (const [i, key] of chosen.entries()) {
    const place = 1 + Math.floor(random.next() * (sentences.length - 1));
    sentences.splice(place, 0, `One of the special magic numbers for ${key} is: ${values[i]}.`);
  }
  const asked = Math.floor(random.next() * needles);
  const content =
    "Some special magic numbers are hidden within the following text. Make sure to memorize it. I will quiz you about the " +
    `numbers afterwards.\n${sentences.join(" ")}\nWhat is the special magic number for ${chosen[asked]} mentioned in the provided text?`;
  return { content, answer: values[asked]! };
}

/** Moby-Dick (1851, public domain) as running text. */
function bookText(): string {
  return mobyDick().replace(/\s+/g, " ");
}
