import { aggregateRecords } from "../aggregate.js";
import { checkRoles } from "../datasets/read-file.js";
import { matchAll } from "../metrics/string-match.js";
import { needleDraft } from "../ruler/needles.js";
import { loadHaystack, loadWords } from "../ruler/ruler-sources.js";
import { selectTasks } from "../select-tasks.js";
import type { EvaluationSuite, GenerationTask } from "../suite.js";
import { chosenLengths, fittedSamples } from "../tokens/fit-samples.js";

/** Places of the needle: 0, 10, … 100% of the haystack's sentences. */
export const gridDepths: readonly number[] = Array.from({ length: 11 }, (_, index) => index / 10);

/** One more octave a row, from 1K to 128K. */
const gridLengths = [1024, 2048, 4096, 8192, 16_384, 32_768, 65_536, 131_072];
const taskName = "needle";
const category = "Retrieval";
const maxNewTokens = 128;

/**
 * A number hidden at every depth of every length: the grid that heat maps are drawn from. Each sample's metadata has its
 * `depth` and `length`; `samplesPerTask` counts the samples of each cell (default 1).
 */
export const needleGridSuite: EvaluationSuite = {
  name: "needle-grid",
  description: "One needle at 11 depths of every length: a heat map",
  scoreUnit: "share",
  taskNames: [taskName],
  presets: {
    small: { description: "4K and 8K, 2 samples a cell: for the demo model", lengths: [4096, 8192], samplesPerTask: 2 },
    paper: { description: "8K to 256K", lengths: [8192, 16_384, 32_768, 65_536, 131_072, 262_144] },
  },
  async tasks(options) {
    checkRoles(options, ["haystack", "words"]);
    selectTasks([taskName], options.tasks);
    const haystack = loadHaystack(options);
    const words = loadWords(options, haystack);
    const settings = { haystack: "essay", keyKind: "words", valueKind: "numbers", keys: 1, values: 1, queries: 1 } as const;
    const task: GenerationTask = {
      kind: "generate",
      name: taskName,
      category,
      *samples(sampleOptions) {
        const { samplesPerTask = 1 } = sampleOptions;
        for (const length of chosenLengths("needle-grid", gridLengths, sampleOptions)) {
          // One series of samples through all depths of a length: their counts are checked once.
          const cells = gridDepths.length * samplesPerTask;
          const draft = (request: Parameters<typeof needleDraft>[3]) =>
            needleDraft(taskName, { ...settings, depth: gridDepths[request.index % gridDepths.length]! }, { haystack, words }, request);
          yield* fittedSamples({ name: taskName, category, maxNewTokens, draft }, length, cells, sampleOptions);
        }
      },
      score: (sample, output) => matchAll(output, sample.references),
    };
    return [task];
  },
  aggregate: (records, value) => aggregateRecords(records, { average: "tasks", taskOrder: [taskName], groups: { depth: "depth" } }, value),
};
