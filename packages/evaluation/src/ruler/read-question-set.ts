import { z } from "zod";
import { DatasetError } from "@elastic-attention/core";
import { checkRow, readDataJson, readDataRows } from "../datasets/read-file.js";
import { hotpotqaFromRows, squadFromRows } from "./question-rows.js";
import type { QuestionSet } from "./question-set.js";

const squadSchema = z.object({
  data: z.array(
    z.object({
      paragraphs: z.array(
        z.object({
          context: z.string(),
          qas: z.array(
            z.object({ question: z.string(), answers: z.array(z.object({ text: z.string() })), is_impossible: z.boolean().optional() }),
          ),
        }),
      ),
    }),
  ),
});

const hotpotSchema = z.object({
  question: z.string(),
  answer: z.string(),
  context: z.array(z.tuple([z.string(), z.array(z.string())])),
});

/** A set in SQuAD's JSON (versions 1.1 and 2.0) or Parquet; questions without an answer are left out. @throws DatasetError */
export async function readSquad(path: string): Promise<QuestionSet> {
  const { data } = checkRow(squadSchema, isParquet(path) ? await squadFromRows(path) : readDataJson(path), path, 0);
  const documents = new Index();
  const questions = data.flatMap(({ paragraphs }) => {
    const article = paragraphs.map(({ context }) => documents.of(context));
    return paragraphs.flatMap(({ qas }, paragraph) =>
      qas
        .filter((each) => each.is_impossible !== true && each.answers.length > 0)
        .map(({ question, answers }) => ({
          question,
          answers: answers.map(({ text }) => text),
          documents: [article[paragraph]!],
          related: [...new Set(article)].filter((index) => index !== article[paragraph]),
        })),
    );
  });
  return withQuestions({ documents: documents.items, questions, source: "squad" }, path);
}

/** A set in HotpotQA's JSON (distractor setting), as an array or as JSON lines, or in Parquet. @throws DatasetError */
export async function readHotpotqa(path: string): Promise<QuestionSet> {
  const documents = new Index();
  const rows = isParquet(path) ? await hotpotqaFromRows(path) : readDataRows(path);
  const questions = rows.map((row, index) => {
    const { question, answer, context } = checkRow(hotpotSchema, row, path, index);
    return {
      question,
      answers: [answer],
      documents: [...new Set(context.map(([title, sentences]) => documents.of(`${title}\n${sentences.join("")}`)))],
      related: [],
    };
  });
  return withQuestions({ documents: documents.items, questions, source: "hotpotqa" }, path);
}

function isParquet(path: string): boolean {
  return path.endsWith(".parquet");
}

function withQuestions(set: QuestionSet, path: string): QuestionSet {
  if (set.questions.length > 0) return set;
  throw new DatasetError(`${path} has no question with an answer.`, { hint: "Use the file as it is published." });
}

/** Different texts in the order they came. */
class Index {
  readonly items: string[] = [];
  readonly #positions = new Map<string, number>();

  of(item: string): number {
    let position = this.#positions.get(item);
    if (position === undefined) {
      position = this.items.push(item) - 1;
      this.#positions.set(item, position);
    }
    return position;
  }
}
