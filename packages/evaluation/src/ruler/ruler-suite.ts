import { aggregateRecords } from "../aggregate.js";
import { checkRoles } from "../datasets/read-file.js";
import { matchAll, matchAny } from "../metrics/string-match.js";
import { selectTasks } from "../select-tasks.js";
import type { EvaluationSample, EvaluationSuite, GenerationTask } from "../suite.js";
import { chosenLengths, type Draft, type DraftRequest, fittedSamples } from "../tokens/fit-samples.js";
import { commonWordsDraft } from "./common-words.js";
import { frequentWordsDraft } from "./frequent-words.js";
import { needleDraft, type NeedleSettings } from "./needles.js";
import { questionAnsweringDraft } from "./question-answering.js";
import { loadHaystack, loadHotpotqa, loadSquad, loadWords, rulerFileRoles, rulerHubSources } from "./ruler-sources.js";
import { variableTrackingDraft } from "./variable-tracking.js";

const one = { keys: 1, values: 1, queries: 1 } as const;

/** Parameters of the needle tasks (reference: synthetic.yaml of RULER). */
const needleTasks: Readonly<Record<string, NeedleSettings>> = {
  niah_single_1: { ...one, haystack: "noise", keyKind: "words", valueKind: "numbers" },
  niah_single_2: { ...one, haystack: "essay", keyKind: "words", valueKind: "numbers" },
  niah_single_3: { ...one, haystack: "essay", keyKind: "words", valueKind: "uuids" },
  niah_multikey_1: { ...one, haystack: "essay", keyKind: "words", valueKind: "numbers", keys: 4 },
  niah_multikey_2: { ...one, haystack: "needle", keyKind: "words", valueKind: "numbers" },
  niah_multikey_3: { ...one, haystack: "needle", keyKind: "uuids", valueKind: "uuids" },
  niah_multivalue: { ...one, haystack: "essay", keyKind: "words", valueKind: "numbers", values: 4 },
  niah_multiquery: { ...one, haystack: "essay", keyKind: "words", valueKind: "numbers", keys: 4, queries: 4 },
};

/** Most new tokens of each kind of task. */
const answerTokens = { needle: 128, vt: 30, cwe: 120, fwe: 50, qa: 32 } as const;

/** All 13 tasks in RULER's order. */
export const rulerTaskNames: readonly string[] = [...Object.keys(needleTasks), "vt", "cwe", "fwe", "qa_1", "qa_2"];
const paperTasks = rulerTaskNames.filter((name) => name !== "vt" && name !== "cwe");

/**
 * RULER (Hsieh et al. 2024): 13 tasks at any length, made here after the published definitions. Prompts differ from those
 * of the published program, which draws other random numbers; their form, parameters and metrics are the same.
 */
export const rulerSuite: EvaluationSuite = {
  name: "ruler",
  description: "RULER: 13 synthetic tasks (needles, variable tracking, word counts, questions) at any length",
  scoreUnit: "share",
  taskNames: rulerTaskNames,
  presets: {
    paper: {
      description: "the paper's 11 tasks, 50 samples, 8K to 256K",
      tasks: paperTasks,
      lengths: [8192, 16_384, 32_768, 65_536, 131_072, 262_144],
      samplesPerTask: 50,
    },
    small: { description: "all tasks, 20 samples, 4K and 8K: for the demo model", lengths: [4096, 8192], samplesPerTask: 20 },
  },
  hubSources: rulerHubSources,
  async tasks(options) {
    checkRoles(options, rulerFileRoles);
    const names = selectTasks(rulerTaskNames, options.tasks);
    const haystack = loadHaystack(options);
    const words = loadWords(options, haystack);
    const questions = {
      qa_1: names.includes("qa_1") ? await loadSquad(options) : undefined,
      qa_2: names.includes("qa_2") ? await loadHotpotqa(options) : undefined,
    };
    return names.map((name) => {
      const needle = needleTasks[name];
      if (needle !== undefined) {
        return rulerTask(name, "Retrieval", answerTokens.needle, matchAllOf, (request) => needleDraft(name, needle, { haystack, words }, request));
      }
      if (name === "vt") return rulerTask(name, "Multi-hop Tracing", answerTokens.vt, matchAllOf, (request) => variableTrackingDraft(name, 4, request));
      if (name === "cwe") return rulerTask(name, "Aggregation", answerTokens.cwe, matchAllOf, (request) => commonWordsDraft(name, words, request));
      if (name === "fwe") return rulerTask(name, "Aggregation", answerTokens.fwe, matchAllOf, (request) => frequentWordsDraft(name, request));
      const set = questions[name as keyof typeof questions]!;
      return rulerTask(name, "Question Answering", answerTokens.qa, matchAnyOf, (request) => questionAnsweringDraft(name, set, request));
    });
  },
  aggregate: (records, value) => aggregateRecords(records, { average: "tasks", taskOrder: rulerTaskNames }, value),
};

const defaultLengths = [4096, 8192, 16_384, 32_768, 65_536, 131_072];
const defaultSamples = 20;

function matchAllOf(sample: EvaluationSample, output: string): number {
  return matchAll(output, sample.references);
}

function matchAnyOf(sample: EvaluationSample, output: string): number {
  return matchAny(output, sample.references);
}

function rulerTask(
  name: string,
  category: string,
  maxNewTokens: number,
  score: GenerationTask["score"],
  draft: (request: DraftRequest) => Draft,
): GenerationTask {
  return {
    kind: "generate",
    name,
    category,
    score,
    *samples(options) {
      for (const length of chosenLengths("ruler", defaultLengths, options)) {
        yield* fittedSamples({ name, category, maxNewTokens, draft }, length, options.samplesPerTask ?? defaultSamples, options);
      }
    },
  };
}
