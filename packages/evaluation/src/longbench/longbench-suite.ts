import { DatasetError } from "@elastic-attention/core";
import { aggregateRecords } from "../aggregate.js";
import { checkRoles } from "../datasets/read-file.js";
import { selectRows } from "../datasets/select-rows.js";
import { selectTasks } from "../select-tasks.js";
import type { EvaluationSuite, GenerationTask, SuiteOptions } from "../suite.js";
import { fitToContext } from "../tokens/truncate-middle.js";
import { longBenchArchive, readLongBenchRows } from "./longbench-rows.js";
import { chineseNames, longBenchENames, longBenchNames, longBenchTasks } from "./longbench-tasks.js";

/** LongBench (Bai et al. 2024): 16 English and code data sets, as published. */
export const longBenchSuite: EvaluationSuite = makeSuite("longbench", "LongBench: 16 English and code data sets of real texts", longBenchNames, false);

/** LongBench-E: 13 of its data sets with samples of balanced lengths; the paper's Tables 1 and 7. */
export const longBenchESuite: EvaluationSuite = makeSuite(
  "longbench-e",
  "LongBench-E: the paper's 13 data sets in 6 categories, lengths balanced",
  longBenchENames,
  true,
);

function makeSuite(name: string, description: string, taskNames: readonly string[], balanced: boolean): EvaluationSuite {
  return {
    name,
    description,
    scoreUnit: "share",
    taskNames,
    presets: { paper: { description: "the paper's 13 data sets, all samples", tasks: longBenchENames } },
    hubSources: [longBenchArchive],
    async tasks(options) {
      const chinese = options.tasks?.find((task) => chineseNames.includes(task));
      if (chinese !== undefined) {
        throw new DatasetError(`${chinese} is not supported: its metric needs Chinese word segmentation.`, { hint: `Choose among ${taskNames.join(", ")}.` });
      }
      checkRoles(options, taskNames);
      return selectTasks(taskNames, options.tasks).map((task) => longBenchTask(task, balanced, options));
    },
    aggregate: (records, value) => aggregateRecords(records, { average: "samples", taskOrder: taskNames }, value),
  };
}

function longBenchTask(name: string, balanced: boolean, suiteOptions: SuiteOptions): GenerationTask {
  const definition = longBenchTasks[name]!;
  const rows = readLongBenchRows(name, balanced, suiteOptions);
  return {
    kind: "generate",
    name,
    category: definition.category,
    *samples(options) {
      for (const index of selectRows(name, rows.length, options.samplesPerTask, options.seed)) {
        const row = rows[index]!;
        const sample = {
          id: `${name}/${index}`,
          task: name,
          category: definition.category,
          lengthBucket: lengthBucket(row.words),
          maxNewTokens: definition.maxNewTokens,
          references: row.answers,
          metadata: { row: index, words: row.words, ...(row.id === undefined ? {} : { sourceId: row.id }) },
        };
        yield fitToContext({ sample, text: row.prompt, chat: definition.chat, joined: false }, options);
      }
    },
    score(sample, output) {
      const classes = rows[sample.metadata["row"] as number]?.classes ?? [];
      const prediction = definition.firstLine ? output.replace(/^\n+/, "").split("\n")[0]! : output;
      return Math.max(0, ...sample.references.map((reference) => definition.metric(prediction, reference, classes)));
    },
  };
}

/** LongBench-E's ranges, in words. */
function lengthBucket(words: number): string {
  if (words < 4000) return "0-4k";
  return words < 8000 ? "4-8k" : "8k+";
}
