import { DatasetError } from "@elastic-attention/core";
import { aggregateRecords } from "../aggregate.js";
import { checkRoles, findDataFile, readDataText } from "../datasets/read-file.js";
import { frequentWordsDraft } from "../ruler/frequent-words.js";
import { needleDraft, type NeedleSettings } from "../ruler/needles.js";
import { loadHaystack, loadWords } from "../ruler/ruler-sources.js";
import { selectTasks } from "../select-tasks.js";
import type { AnswerTask, EvaluationSuite, SuiteOptions } from "../suite.js";
import { Haystack } from "../texts/haystack.js";
import { chosenLengths, type Draft, type DraftRequest, fittedSamples } from "../tokens/fit-samples.js";
import { continuationDraft, lastWordDraft } from "./continuations.js";
import { copyDraft } from "./copies.js";
import { labelDraft } from "./labels.js";
import { keyValueDraft, repeatedQuestionDraft } from "./look-ups.js";

const lengths = [1024, 2048, 3072, 4096];
const samplesPerTask = 25;
const taskNames = ["needle", "keys", "values", "queries", "copy", "key_values", "repeated_question", "frequent_words", "labels", "last_word", "book", "technical"] as const;

/**
 * What a small language model can recall of its prompt: tasks that models of a hundred million parameters answer, from those that
 * need one place of the prompt to those that its end is enough for. Answers are given, and each of their tokens is asked for after
 * those before it, so that an answer counts by its part that is right.
 */
export const recallSuite: EvaluationSuite = {
  name: "recall",
  description: "What small models recall of a prompt, token by token of a given answer: needles, copies, look-ups, examples, texts",
  scoreUnit: "share",
  taskNames,
  presets: {
    small: { description: "1K and 2K, 4 samples of each task: for a CPU", lengths: [1024, 2048], samplesPerTask: 4 },
    full: { description: "1K to 4K, 70 samples of each task and length: some 3 000 answers", lengths, samplesPerTask: 70 },
  },
  async tasks(options) {
    checkRoles(options, ["haystack", "words", "technical"]);
    const technical = technicalText(options);
    // Nobody asked for technical texts, and there are none.
    const own = technical === undefined && options.tasks === undefined ? taskNames.filter((name) => name !== "technical") : [...taskNames];
    const chosen = selectTasks(own, options.tasks);
    const haystack = loadHaystack(options);
    const drafts = draftsOf(haystack, technical, loadWords(options, haystack));
    return own.filter((name) => chosen.includes(name)).map((name) => answerTask(name, drafts[name]));
  },
  aggregate: (records, value) => aggregateRecords(records, { average: "tasks", taskOrder: taskNames }, value),
};

type TaskName = (typeof taskNames)[number];

/** Tokens that the longest answer of a task may take, and what makes its prompts. */
interface RecallTask {
  readonly category: string;
  readonly answerTokens: number;
  readonly draft: (name: string, request: DraftRequest) => Draft;
}

function technicalText(options: SuiteOptions): Haystack | undefined {
  const path = findDataFile(options, "technical", ["technical.txt"]);
  return path === undefined ? undefined : new Haystack(readDataText(path), "technical file");
}

function draftsOf(haystack: Haystack, technical: Haystack | undefined, words: ReturnType<typeof loadWords>): Readonly<Record<TaskName, RecallTask>> {
  const essay = { haystack: "essay", keyKind: "words", valueKind: "numbers", keys: 1, values: 1, queries: 1 } as const;
  const needles = (settings: NeedleSettings, answerTokens = 12): RecallTask => ({
    category: "Retrieval",
    answerTokens,
    draft: (name, request) => {
      const sources = { haystack: haystack.startingAt(request.random.integer(haystack.sentences.length)), words };
      return oneAnswer(needleDraft(name, settings, sources, request));
    },
  });
  return {
    needle: needles(essay),
    keys: needles({ ...essay, keys: 4 }),
    values: needles({ ...essay, values: 4 }, 48),
    queries: needles({ ...essay, keys: 4, queries: 4 }, 48),
    copy: { category: "Copy", answerTokens: 80, draft: (name, request) => copyDraft(name, haystack, request) },
    key_values: { category: "Look-up", answerTokens: 8, draft: (name, request) => keyValueDraft(name, words, request) },
    repeated_question: { category: "Look-up", answerTokens: 8, draft: (name, request) => repeatedQuestionDraft(name, words, request) },
    frequent_words: { category: "Aggregation", answerTokens: 24, draft: (name, request) => oneAnswer(frequentWordsDraft(name, request)) },
    labels: { category: "Examples", answerTokens: 8, draft: (name, request) => labelDraft(name, words, request) },
    last_word: { category: "Text", answerTokens: 8, draft: (name, request) => lastWordDraft(name, haystack, request) },
    book: { category: "Text", answerTokens: 80, draft: (name, request) => continuationDraft(name, haystack, request) },
    technical: {
      category: "Text",
      answerTokens: 80,
      draft: (name, request) => {
        if (technical === undefined) throw new DatasetError("recall: the task technical needs a text.", { hint: "Name one for the role technical." });
        return continuationDraft(name, technical, request);
      },
    },
  };
}

/** Several references as one text. */
function oneAnswer(draft: Draft): Draft {
  return { ...draft, references: [` ${draft.references.join(", ")}`] };
}

function answerTask(name: string, { category, answerTokens, draft }: RecallTask): AnswerTask {
  return {
    kind: "answer",
    name,
    category,
    *samples(options) {
      const { samplesPerTask: count = samplesPerTask } = options;
      const task = { name, category, maxNewTokens: answerTokens, draft: (request: DraftRequest) => draft(name, request) };
      for (const length of chosenLengths("recall", lengths, options)) yield* fittedSamples(task, length, count, options);
    },
  };
}
