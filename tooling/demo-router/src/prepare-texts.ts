import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { counterPermutation } from "@elastic-attention/training";
import type { Split, TextKind, Texts } from "./texts.js";

export interface PrepareOptions {
  /** Folders of plain text files, read with their subfolders. */
  readonly prose: string;
  readonly technical: string;
  readonly code: string;
  /** Lines `TYPE:detail question`, as TREC's classification task has them. */
  readonly questions: string;
  /** Folder with nounlist.txt and adjectivelist.txt. */
  readonly words: string;
  readonly out: string;
}

/** Characters of each kind that are taken for training and held out. */
const amounts: Readonly<Record<TextKind, Readonly<Record<Split, number>>>> = {
  prose: { train: 2_400_000, heldOut: 500_000 },
  technical: { train: 700_000, heldOut: 200_000 },
  code: { train: 700_000, heldOut: 200_000 },
};

/** From each document at most this much, so that there are many. */
const longest = 120_000;

/** Picks documents at random, tidies them and writes them with the word lists into one compressed file. */
export function prepareTexts(options: PrepareOptions): Texts {
  const questions = readFileSync(options.questions, "latin1")
    .split("\n")
    .flatMap((line) => {
      const [, type, question] = /^(\w+):\w+ (.+)$/.exec(line) ?? [];
      return type === undefined ? [] : [[type, question!.trim().replace(" ?", "?")] as const];
    });
  const order = [...counterPermutation(questions.length, 1)].map((index) => questions[index]!);
  const words = (name: string) =>
    [...new Set(readFileSync(join(options.words, name), "utf8").split("\n").map((word) => word.trim()))].filter((word) => /^[a-z]+$/.test(word)).sort();
  const texts: Texts = {
    documents: {
      prose: take(files(options.prose, /\.(md|txt)$/), "prose", joinParagraphs),
      technical: take(files(options.technical, /./), "technical", (text) => text),
      code: take(files(options.code, /\.(py|ts)$/), "code", (text) => text),
    },
    questions: { train: order.slice(400, 2400), heldOut: order.slice(0, 400) },
    nouns: words("nounlist.txt").slice(0, 4000),
    adjectives: words("adjectivelist.txt"),
  };
  const compressed = brotliCompressSync(JSON.stringify(texts), { params: { [constants.BROTLI_PARAM_LGWIN]: 24 } });
  writeFileSync(options.out, compressed);
  return texts;
}

function take(paths: readonly string[], kind: TextKind, tidy: (text: string) => string): Record<Split, string[]> {
  const taken: Record<Split, string[]> = { heldOut: [], train: [] };
  const order = counterPermutation(paths.length, 2601);
  let at = 0;
  for (const split of ["heldOut", "train"] as const) {
    for (let total = 0; total < amounts[kind][split] && at < order.length; at++) {
      const text = tidy(readFileSync(paths[order[at]!]!, "utf8").replaceAll("\r", ""));
      const start = text.length > 2 * longest ? Math.floor((text.length - longest) / 2) : 0;
      const part = text.slice(start, start + Math.min(longest, amounts[kind][split] / 4));
      if (part.length < 2000) continue;
      taken[split].push(part);
      total += part.length;
    }
  }
  return taken;
}

/** Plain quotes, one line for each paragraph. */
function joinParagraphs(text: string): string {
  return text
    .replaceAll("\u2019", "'")
    .replace(/[\u201c\u201d]/g, '"')
    .replaceAll("\u2014", "--")
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replace(/\s+/g, " ").trim())
    .filter((paragraph) => paragraph !== "")
    .join("\n\n");
}

function files(folder: string, pattern: RegExp): string[] {
  return (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => pattern.test(name) && !name.endsWith(".d.ts"))
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile() && statSync(path).size < 2_000_000)
    .sort();
}
