import { readFileSync } from "node:fs";
import { brotliDecompressSync } from "node:zlib";
import { ElasticAttentionError } from "@elastic-attention/core";

export type TextKind = "prose" | "technical" | "code";
export type Split = "train" | "heldOut";

/** What prompts are made of; `prepare` writes it. */
export interface Texts {
  /** Documents of each kind, apart for training and for held-out prompts. */
  readonly documents: Readonly<Record<TextKind, Readonly<Record<Split, readonly string[]>>>>;
  /** Questions with their types, for few-shot prompts. */
  readonly questions: Readonly<Record<Split, readonly (readonly [type: string, question: string])[]>>;
  readonly nouns: readonly string[];
  readonly adjectives: readonly string[];
}

/** The texts' file is missing or damaged. */
export class TextsError extends ElasticAttentionError {
  constructor(message: string) {
    super("TEXTS", message, { hint: "Make it with `prepare`; the README says from what." });
  }
}

/** Reads what `prepare` wrote: JSON, compressed by brotli. @throws TextsError */
export function readTexts(path: string): Texts {
  try {
    return JSON.parse(brotliDecompressSync(readFileSync(path)).toString("utf8")) as Texts;
  } catch (error) {
    throw new TextsError(`Cannot read ${path}: ${(error as Error).message}.`);
  }
}
