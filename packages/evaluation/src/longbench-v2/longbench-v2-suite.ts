import { z } from "zod";
import { DatasetError } from "@elastic-attention/core";
import { aggregateRecords } from "../aggregate.js";
import { lookAlikeQuestions } from "../built-in/longbench-v2-rows.js";
import { checkRoles, checkRow, readDataRows, requireDataFile } from "../datasets/read-file.js";
import { selectRows } from "../datasets/select-rows.js";
import { lookAlike } from "../longbench/longbench-rows.js";
import { selectTasks } from "../select-tasks.js";
import type { EvaluationSample, EvaluationSuite, GenerationTask, HubSource, SampleOptions, SuiteOptions } from "../suite.js";
import { fitToContext } from "../tokens/truncate-middle.js";
import { extractAnswer } from "./extract-answer.js";
import { answerPrompt, directPrompt, reasoningPrompt } from "./prompts.js";

const questionSchema = z.object({
  _id: z.string(),
  domain: z.string(),
  sub_domain: z.string(),
  difficulty: z.enum(["easy", "hard"]),
  length: z.enum(["short", "medium", "long"]),
  question: z.string(),
  choice_A: z.string(),
  choice_B: z.string(),
  choice_C: z.string(),
  choice_D: z.string(),
  answer: z.enum(["A", "B", "C", "D"]),
  context: z.string(),
});

/** A question in LongBench-v2's published form. */
export type LongBenchV2Row = z.infer<typeof questionSchema>;

/** The six domains; each is a task. */
const domains: Readonly<Record<string, string>> = {
  "single-document-qa": "Single-Document QA",
  "multi-document-qa": "Multi-Document QA",
  "long-in-context-learning": "Long In-context Learning",
  "long-dialogue-history-understanding": "Long-dialogue History Understanding",
  "code-repository-understanding": "Code Repository Understanding",
  "long-structured-data-understanding": "Long Structured Data Understanding",
};
const taskNames = Object.keys(domains);
/** Published as THUDM/LongBench-v2 at first. */
const published: HubSource = { dataset: "zai-org/LongBench-v2", file: "data.json" };
const answerTokens = 128;
const reasoningTokens = 1024;

/** LongBench-v2 (Bai et al. 2024): 503 multiple-choice questions about long texts, easy or hard, short, medium or long. */
export const longBenchV2Suite: EvaluationSuite = {
  name: "longbench-v2",
  description: "LongBench-v2: multiple-choice questions about long texts, with or without chain of thought",
  scoreUnit: "share",
  taskNames,
  presets: { paper: { description: "all questions, without chain of thought" } },
  hubSources: [published],
  async tasks(options) {
    checkRoles(options, ["data"]);
    const names = selectTasks(taskNames, options.tasks);
    const rows = readQuestions(options);
    return names.flatMap((name) => {
      const own = rows.filter(({ domain }) => taskOfDomain(domain) === name);
      return own.length === 0 ? [] : [domainTask(name, own, options.chainOfThought ?? false)];
    });
  },
  aggregate: (records, value) =>
    aggregateRecords(
      records,
      { average: "samples", taskOrder: taskNames, lengthOrder: ["short", "medium", "long"], groups: { difficulty: "difficulty" } },
      value,
    ),
};

function readQuestions(options: SuiteOptions): readonly LongBenchV2Row[] {
  if (options.dataDirectory === lookAlike) return lookAlikeQuestions();
  if (options.dataDirectory === undefined && options.files?.["data"] === undefined) {
    throw new DatasetError("LongBench-v2 needs its data; `elastic-attention eval --data hub` fetches them.", {
      hint:
        `By hand: download ${published.file} of the data set ${published.dataset} on the Hugging Face hub and name its folder; ` +
        `"${lookAlike}" instead of a folder gives a few made-up questions, to try things out.`,
    });
  }
  const path = requireDataFile(options, "data", ["data.json", "data.jsonl", "longbench-v2.json", "LongBench-v2/data.json"]);
  return readDataRows(path).map((row, index) => {
    const question = checkRow(questionSchema, row, path, index);
    if (taskOfDomain(question.domain) === undefined) {
      throw new DatasetError(`${path}, row ${index + 1}: unknown domain "${question.domain}".`, { hint: `Known: ${Object.values(domains).join(", ")}.` });
    }
    return question;
  });
}

/** By letters only: spellings differ in hyphens and capitals. */
function taskOfDomain(domain: string): string | undefined {
  const letters = (text: string) => text.toLowerCase().replace(/[^a-z]/g, "");
  return taskNames.find((name) => letters(domains[name]!) === letters(domain));
}

function domainTask(name: string, rows: readonly LongBenchV2Row[], chainOfThought: boolean): GenerationTask {
  const category = domains[name]!;
  const make = (row: LongBenchV2Row, index: number, prompt: string, maxNewTokens: number, options: SampleOptions): EvaluationSample =>
    fitToContext(
      {
        sample: {
          id: `${name}/${row._id}`,
          task: name,
          category,
          lengthBucket: row.length,
          maxNewTokens,
          references: [row.answer],
          metadata: { row: index, difficulty: row.difficulty, subDomain: row.sub_domain, chainOfThought },
        },
        text: prompt,
        chat: true,
        joined: true,
      },
      options,
    );
  return {
    kind: "generate",
    name,
    category,
    *samples(options) {
      for (const index of selectRows(name, rows.length, options.samplesPerTask, options.seed)) {
        const row = rows[index]!;
        const prompt = fillQuestion(chainOfThought ? reasoningPrompt : directPrompt, row);
        yield make(row, index, prompt, chainOfThought ? reasoningTokens : answerTokens, options);
      }
    },
    score: (sample, output) => (extractAnswer(output.trim()) === sample.references[0] ? 1 : 0),
    ...(chainOfThought
      ? {
          followUp(sample: EvaluationSample, output: string, options: SampleOptions) {
            const index = sample.metadata["row"] as number;
            const row = rows[index]!;
            return make(row, index, fillQuestion(answerPrompt, row, output.trim()), answerTokens, options);
          },
        }
      : {}),
  };
}

/** Names between dollar signs, all in one go, so that what is filled in is not looked at again. */
function fillQuestion(template: string, row: LongBenchV2Row, reasoning = ""): string {
  const values: Readonly<Record<string, string>> = {
    DOC: row.context,
    Q: row.question,
    C_A: row.choice_A,
    C_B: row.choice_B,
    C_C: row.choice_C,
    C_D: row.choice_D,
    COT: reasoning,
  };
  return template.replace(/\$(DOC|Q|C_[A-D]|COT)\$/g, (_, name: string) => values[name]!.trim());
}
