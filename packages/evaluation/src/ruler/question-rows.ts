import { z } from "zod";
import { checkRow } from "../datasets/read-file.js";
import { readParquetRows } from "../datasets/read-parquet.js";

const squadRow = z.object({ title: z.string(), context: z.string(), question: z.string(), answers: z.object({ text: z.array(z.string()) }) });

const hotpotRow = z.object({
  question: z.string(),
  answer: z.string(),
  context: z.object({ title: z.array(z.string()), sentences: z.array(z.array(z.string())) }),
});

interface Paragraph {
  readonly context: string;
  readonly qas: { readonly question: string; readonly answers: readonly { readonly text: string }[] }[];
}

/**
 * SQuAD as rows of Parquet, one for each question (`rajpurkar/squad` and `squad_v2`), in the nested form of its JSON: articles
 * by their titles, paragraphs by their texts, in the order of the rows.
 *
 * @throws DatasetError
 */
export async function squadFromRows(path: string): Promise<{ readonly data: readonly { readonly paragraphs: readonly Paragraph[] }[] }> {
  const articles = new Map<string, Map<string, Paragraph>>();
  for (const [index, row] of (await readParquetRows(path)).entries()) {
    const { title, context, question, answers } = checkRow(squadRow, row, path, index);
    const paragraphs = articles.get(title) ?? new Map<string, Paragraph>();
    articles.set(title, paragraphs);
    const paragraph = paragraphs.get(context) ?? { context, qas: [] };
    paragraphs.set(context, paragraph);
    paragraph.qas.push({ question, answers: answers.text.map((text) => ({ text })) });
  }
  return { data: Array.from(articles.values(), (paragraphs) => ({ paragraphs: [...paragraphs.values()] })) };
}

/** HotpotQA as rows of Parquet (`hotpotqa/hotpot_qa`): titles and sentences beside each other, in pairs as in its JSON. @throws DatasetError */
export async function hotpotqaFromRows(path: string): Promise<readonly unknown[]> {
  return (await readParquetRows(path)).map((row, index) => {
    const { question, answer, context } = checkRow(hotpotRow, row, path, index);
    return { question, answer, context: context.title.map((title, position) => [title, context.sentences[position] ?? []]) };
  });
}
