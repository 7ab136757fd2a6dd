import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatasetError } from "@elastic-attention/core";
import { builtInParagraphQuestions, builtInTwoStepQuestions } from "../built-in/question-sets.js";
import { findDataFile, readDataJson, readDataText } from "../datasets/read-file.js";
import type { HubSource, SuiteOptions } from "../suite.js";
import { Haystack } from "../texts/haystack.js";
import { mobyDick } from "../moby-dick.js";
import { builtInWords, type WordLists } from "../texts/word-lists.js";
import type { QuestionSet } from "./question-set.js";
import { readHotpotqa, readSquad } from "./read-question-set.js";

/** Roles of files that RULER's tasks are made from; `files` of the options names them. */
export const rulerFileRoles = ["haystack", "words", "squad", "hotpotqa"] as const;

/** The sets that RULER asks questions of, as the hub has them: 1.4 MB and 27.5 MB. */
export const rulerHubSources: readonly HubSource[] = [
  { dataset: "rajpurkar/squad_v2", file: "squad_v2/validation-00000-of-00001.parquet", role: "squad", tasks: ["qa_1"] },
  { dataset: "hotpotqa/hotpot_qa", file: "distractor/validation-00000-of-00001.parquet", role: "hotpotqa", tasks: ["qa_2"] },
];

let book: Haystack | undefined;

/** The text for essays: the user's, or Moby-Dick. @throws DatasetError */
export function loadHaystack(options: SuiteOptions): Haystack {
  const path = findDataFile(options, "haystack", ["haystack.txt", "PaulGrahamEssays.json"]);
  if (path === undefined) return (book ??= new Haystack(mobyDick(), "moby-dick"));
  if (!path.endsWith(".json")) return new Haystack(readDataText(path), "file");
  const value = readDataJson(path) as { text?: unknown } | null;
  if (typeof value?.text !== "string") throw new DatasetError(`${path} has no "text".`, { hint: 'Expected {"text": "…"}, or a text file.' });
  return new Haystack(value.text, "file");
}

/**
 * Lists of words: a folder with nounlist.txt, adjectivelist.txt and verblist.txt (and english_words.json for long lists),
 * a JSON object with `nouns`, `adjectives`, `verbs`, or the short lists of this package with the book's words behind them.
 *
 * @throws DatasetError
 */
export function loadWords(options: SuiteOptions, haystack: Haystack): WordLists {
  const named = options.files?.["words"];
  if (named !== undefined && existsSync(named) && statSync(named).isDirectory()) return readWordFolder(named);
  if (named !== undefined) return readWordFile(named);
  const folder = options.dataDirectory;
  if (folder !== undefined && findDataFile(options, "words", ["nounlist.txt"]) !== undefined) return readWordFolder(folder);
  let words = withVocabulary.get(haystack);
  if (words === undefined) withVocabulary.set(haystack, (words = { ...builtInWords, others: vocabularyOf(haystack) }));
  return words;
}

const withVocabulary = new WeakMap<Haystack, WordLists>();

function readWordFolder(folder: string): WordLists {
  const list = (name: string) => lines(readDataText(join(folder, name)));
  const more = join(folder, "english_words.json");
  const others = existsSync(more) ? Object.values(readDataJson(more) as Record<string, unknown>).filter((word) => typeof word === "string") : [];
  return { nouns: list("nounlist.txt"), adjectives: list("adjectivelist.txt"), verbs: list("verblist.txt"), others, source: "file" };
}

function readWordFile(path: string): WordLists {
  if (!path.endsWith(".json")) {
    const all = lines(readDataText(path));
    return { nouns: all, adjectives: all, verbs: [], others: [], source: "file" };
  }
  const value = readDataJson(path) as Record<string, unknown> | null;
  const list = (name: string) => {
    const words = value?.[name] ?? [];
    if (!Array.isArray(words) || words.some((word) => typeof word !== "string")) {
      throw new DatasetError(`${path}: "${name}" is not a list of words.`, { hint: 'Expected {"nouns": […], "adjectives": […], "verbs": […]}.' });
    }
    return words as string[];
  };
  const lists = { nouns: list("nouns"), adjectives: list("adjectives"), verbs: list("verbs"), others: list("others"), source: "file" };
  if (lists.nouns.length < 20 || lists.adjectives.length < 20) {
    throw new DatasetError(`${path} has fewer than 20 nouns or adjectives.`, { hint: "Keys are made of both; give longer lists." });
  }
  return lists;
}

function lines(text: string): string[] {
  return text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "" && !line.includes(" "));
}

/** Words of lower-case letters in a text, each once. */
function vocabularyOf(haystack: Haystack): string[] {
  const words = new Set<string>();
  for (const sentence of haystack.sentences) for (const [word] of sentence.matchAll(/(?<![\p{L}'’-])[a-z]{3,}(?![\p{L}'’-])/gu)) words.add(word);
  return [...words];
}

/** @throws DatasetError */
export async function loadSquad(options: SuiteOptions): Promise<QuestionSet> {
  const path = findDataFile(options, "squad", ["squad.json", "dev-v2.0.json", "dev-v1.1.json"]);
  return path === undefined ? builtInParagraphQuestions() : readSquad(path);
}

/** @throws DatasetError */
export async function loadHotpotqa(options: SuiteOptions): Promise<QuestionSet> {
  const path = findDataFile(options, "hotpotqa", ["hotpotqa.json", "hotpot_dev_distractor_v1.json"]);
  return path === undefined ? builtInTwoStepQuestions() : readHotpotqa(path);
}
