import { z } from "zod";
import { DatasetError } from "@elastic-attention/core";
import { lookAlikeRows } from "../built-in/longbench-rows.js";
import { checkRow, readDataRows, requireDataFile } from "../datasets/read-file.js";
import { fillTemplate } from "../fill-template.js";
import { splitWords } from "../metrics/python-text.js";
import type { HubSource, SuiteOptions } from "../suite.js";
import { longBenchPrompts } from "./prompts.js";

/** What is wanted of a row, whatever form it is published in. */
export interface LongBenchRow {
  readonly prompt: string;
  readonly answers: readonly string[];
  readonly classes: readonly string[];
  /** Length in words, which decides the bucket. */
  readonly words: number;
  readonly id: string | undefined;
}

/** A row in LongBench's own form; other keys are ignored. */
export const longBenchRowSchema = z.object({
  input: z.string(),
  context: z.string(),
  answers: z.array(z.string()).min(1),
  length: z.number().int().nonnegative().optional(),
  all_classes: z.array(z.string()).nullish(),
  _id: z.string().optional(),
});

/** A row whose prompt is filled in already, as collections of LongBench samples have it. */
const filledRowSchema = z.object({
  prompt: z.string(),
  gold: z.union([z.array(z.string()).min(1), z.object({ answers: z.array(z.string()).min(1), all_classes: z.array(z.string()).nullish() })]),
});

/** Name of the folder that stands for the look-alike samples of this package. */
export const lookAlike = "look-alike";

/** Both LongBench and LongBench-E, published as THUDM/LongBench at first. */
export const longBenchArchive: HubSource = { dataset: "zai-org/LongBench", file: "data.zip", archive: true };

/**
 * Rows of a data set: `NAME.jsonl` (`NAME_e.jsonl` of LongBench-E), also in a folder `data`, as the published archive has
 * it; also `.json` and rows with filled prompts.
 *
 * @throws DatasetError for a file that is missing, cut short or not in a published form
 */
export function readLongBenchRows(name: string, balanced: boolean, options: SuiteOptions): readonly LongBenchRow[] {
  if (options.dataDirectory === undefined && options.files?.[name] === undefined) {
    throw new DatasetError("LongBench needs its data; `elastic-attention eval --data hub` fetches them.", {
      hint:
        `By hand: unpack ${longBenchArchive.file} of the data set ${longBenchArchive.dataset} on the Hugging Face hub and name the folder; ` +
        `"${lookAlike}" instead of a folder gives a few made-up samples, to try things out.`,
    });
  }
  if (options.dataDirectory === lookAlike) return lookAlikeRows(name).map((row, index) => toRow(name, row, lookAlike, index));
  const stems = balanced ? [`${name}_e`, name] : [name];
  const names = ["", "data/"].flatMap((folder) => stems.flatMap((stem) => [`${folder}${stem}.jsonl`, `${folder}${stem}.json`]));
  const path = requireDataFile(options, name, names);
  return readDataRows(path).map((row, index) => toRow(name, row, path, index));
}

function toRow(name: string, row: unknown, path: string, index: number): LongBenchRow {
  const record = row as { prompt?: unknown; origin_prompt?: unknown } | null;
  if (record?.prompt !== undefined || record?.origin_prompt !== undefined) {
    const { prompt, gold } = checkRow(filledRowSchema, { ...record, prompt: record.prompt ?? record.origin_prompt }, path, index);
    const { answers, all_classes } = Array.isArray(gold) ? { answers: gold, all_classes: null } : gold;
    return { prompt, answers, classes: all_classes ?? [], words: splitWords(prompt).length, id: undefined };
  }
  const { input, context, answers, length, all_classes, _id } = checkRow(longBenchRowSchema, row, path, index);
  return {
    prompt: fillTemplate(longBenchPrompts[name]!, { input, context }),
    answers,
    classes: all_classes ?? [],
    words: length ?? splitWords(`${input} ${context} ${answers.join(" ")}`).length,
    id: _id,
  };
}
