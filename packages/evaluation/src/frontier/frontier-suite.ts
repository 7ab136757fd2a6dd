import { aggregateRecords } from "../aggregate.js";
import { checkRoles } from "../datasets/read-file.js";
import { matchAll } from "../metrics/string-match.js";
import { needleDraft, type NeedleSources } from "../ruler/needles.js";
import { loadHaystack, loadWords } from "../ruler/ruler-sources.js";
import { selectTasks } from "../select-tasks.js";
import type { EvaluationSuite, GenerationTask, SampleOptions } from "../suite.js";
import { chosenLengths, fittedSamples } from "../tokens/fit-samples.js";
import { distinctShare } from "./distinct-share.js";
import { secondQuestion, secondTurnDraft } from "./second-turn.js";

const lengths = [1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072];
const taskNames = ["needle", "keys", "second_turn", "long_answer"] as const;

/** Places of what is asked for, as shares of the text. */
const depths: readonly number[] = [0.05, 0.35, 0.65, 0.95];

/**
 * What modes cost and give under equal conditions: the same prompts under every mode, router and list, with what a decoded token
 * reads beside the score. A needle in a text, a key among keys, a question about the middle that is asked in a second turn, and a
 * long answer that must not repeat itself.
 */
export const frontierSuite: EvaluationSuite = {
  name: "frontier",
  description: "Scores of modes against what a decoded token reads: needles, keys, second-turn questions, long answers",
  scoreUnit: "share",
  taskNames,
  presets: {
    small: { description: "4K and 8K, 8 samples of each task: for the demo model", lengths: [4096, 8192], samplesPerTask: 8 },
    paper: { description: "4K to 32K, 100 samples of each task", lengths: [4096, 8192, 16_384, 32_768], samplesPerTask: 100 },
  },
  async tasks(options) {
    checkRoles(options, ["haystack", "words"]);
    const chosen = selectTasks([...taskNames], options.tasks);
    const haystack = loadHaystack(options);
    const sources = { haystack, words: loadWords(options, haystack) };
    return allTasks(sources).filter(({ name }) => chosen.includes(name));
  },
  aggregate: (records, value) => aggregateRecords(records, { average: "tasks", taskOrder: taskNames, groups: { depth: "depth" } }, value),
};

function allTasks(sources: NeedleSources): GenerationTask[] {
  const essay = { haystack: "essay", keyKind: "words", valueKind: "numbers", keys: 1, values: 1, queries: 1 } as const;
  const keys = { ...essay, haystack: "needle" } as const;
  return [
    fitted("needle", "Retrieval", 24, (request) => needleDraft("needle", { ...essay, depth: depths[request.index % depths.length]! }, sources, request)),
    fitted("keys", "Retrieval", 24, (request) => needleDraft("keys", keys, sources, request)),
    {
      ...fitted("second_turn", "Second turn", 24, (request) => secondTurnDraft("second_turn", sources, request)),
      followUp: secondQuestion,
      session: true,
    },
    {
      ...fitted("long_answer", "Long answer", 256, ({ counter, room }) => {
        const { sentences, tokens } = sources.haystack.take(counter, room);
        return { prompt: sentences.join(" "), answerPrefix: "", references: [], tokens, metadata: {} };
      }),
      score: (_sample, output) => distinctShare(output),
    },
  ];
}

function fitted(name: string, category: string, maxNewTokens: number, draft: Parameters<typeof fittedSamples>[0]["draft"]): GenerationTask {
  return {
    kind: "generate",
    name,
    category,
    *samples(options: SampleOptions) {
      const { samplesPerTask = depths.length } = options;
      // Turns are raw text: what a template puts between them is no matter of a mode.
      const raw = { ...options, chatFormat: "none" as const };
      for (const length of chosenLengths("frontier", lengths, options)) yield* fittedSamples({ name, category, maxNewTokens, draft }, length, samplesPerTask, raw);
    },
    score: (sample, output) => matchAll(output, sample.references),
  };
}
