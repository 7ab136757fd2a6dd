import { demoModelDirectory } from "@elastic-attention/demo-model";
import { LocalEngine, type RoutingReport } from "@elastic-attention/generation";
import { registerQwen } from "@elastic-attention/model-qwen";
import { mobyDick, runningText } from "@elastic-attention/evaluation";
import type { Backend } from "@elastic-attention/tensor";
import type { Benchmark } from "../benchmark.js";
import { type Figure, figure } from "../figures/figure.js";
import { median, type Summary } from "../figures/statistics.js";
import { draftedSteps } from "../workloads/drafted-steps.js";
import { startBackend } from "../workloads/start-backend.js";

/** Characters of the document, about four a token. */
const documentCharacters = 4000;
const defaultAnswer = 256;

export const benchmark: Benchmark = {
  description: "Decode tokens/s of prompt lookup on the demo model, over plain decoding, where an answer repeats a document with one change; with --shapes what steps of several tokens take",
  async run(options, progress) {
    using backend = await startBackend(options);
    registerQwen();
    const rounds = options.rounds ?? (options.tiny ? 1 : 5);
    const maxNewTokens = options.tiny ? 32 : defaultAnswer;
    const figures: Figure[] = [];
    // Models of published shapes have random weights, whose text repeats nothing: what a step of several tokens takes is told.
    for (const name of options.shapes ?? []) figures.push(...(await draftedSteps(backend, name, options, progress)));
    if (options.shapes !== undefined) return { figures, notes: [`On ${backend.device.description}.`] };
    for (const mode of ["full", undefined] as const) {
      await using plain = await LocalEngine.load({ path: demoModelDirectory(), backend });
      await using drafting = await LocalEngine.load({ path: demoModelDirectory(), backend, speculate: "ngram" });
      const runs = { plain: [] as number[], drafting: [] as number[] };
      let drafts: RoutingReport["drafts"];
      // Both in turns; the first round warms up.
      for (let round = 0; round <= rounds; round++) {
        const alone = await answer(plain, mode, maxNewTokens);
        const drafted = await answer(drafting, mode, maxNewTokens);
        if (options.backend !== "cuda" && alone.text !== drafted.text) throw new Error("Drafts change the text.");
        drafts = drafted.report.drafts;
        if (round === 0) continue;
        runs.plain.push(alone.report.decodeTokensPerSecond);
        runs.drafting.push(drafted.report.decodeTokensPerSecond);
      }
      const what = `demo model, ${mode ?? "routed"}, repeat a document with one change`;
      const found = figure({
        what,
        unit: "tokens/s",
        ours: speeds("--speculate ngram", runs.drafting),
        peer: speeds("plain", runs.plain),
        higherIsBetter: true,
        targetIsRatio: true,
        target: options.tiny ? undefined : { bound: "at least", value: 2.5 },
        note: drafts === undefined ? undefined : `${drafts.accepted} of ${drafts.tokens} guessed tokens were right`,
      });
      figures.push(found);
      progress(`${what}: ${found.ours.median.toFixed(0)} tokens/s, ${found.ratio!.median.toFixed(2)} times plain decoding; ${found.note}`);
    }
    return { figures, notes: [`On ${backend.device.description}.${sameText(backend)}`] };
  },
};

/** The text twice, the second time with one word changed and cut in the middle: the answer goes on with the copy. */
function repeatedDocument(): string {
  const document = runningText(mobyDick()).slice(2000, 2000 + documentCharacters);
  const copied = document.slice(0, documentCharacters / 2).replace(/ ship /, " boat ");
  return `${document}\n\n${copied}`;
}

async function answer(engine: LocalEngine, mode: "full" | undefined, maxNewTokens: number): Promise<{ readonly text: string; readonly report: RoutingReport }> {
  const request = { prompt: repeatedDocument(), maxNewTokens, defaults: "none", prefix: "none", ...(mode === undefined ? {} : { mode }) } as const;
  for await (const event of engine.generate(request)) if (event.type === "finish") return { text: event.text, report: event.report };
  throw new Error("The answer has no end.");
}

function speeds(name: string, samples: readonly number[]): Summary {
  return { name, best: Math.max(...samples), median: median(samples), samples: samples.length };
}

const sameText = ({ name }: Backend) => (name === "cuda" ? "" : " The text is the same both ways.");
