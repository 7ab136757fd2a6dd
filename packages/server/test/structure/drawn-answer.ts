import { demoModelDirectory } from "@elastic-attention/demo-model";
import { signedRandom } from "@elastic-attention/fixtures";
import { Tokenizer } from "@elastic-attention/generation";
import { expect } from "vitest";
import { answerConstraint } from "../../src/structure/answer-constraint.js";

export const tokenizer = Tokenizer.load(demoModelDirectory());
export const vocabularySize = 4096;
export const end = 1;
export const context = { tokenizer, vocabularySize, endOfText: new Set([end]) };
/** Tokens that help an answer to its end. */
const closing = new Set(Array.from({ length: vocabularySize }, (_, id) => id).filter((id) => id === end || /^["}\]]+$/.test(tokenizer.token(id) ?? "")));

/** Whether a mask lets a token through; without one every token may come. */
export function isAllowed(mask: Int32Array | undefined, id: number): boolean {
  return mask === undefined || ((mask[id >> 5]! >>> (id & 31)) & 1) === 1;
}

const texts = Array.from({ length: vocabularySize }, (_, id) => (id === end ? "<|end|>" : tokenizer.decode([id])));

/** What a model would like to write at a place; undefined: anything, and rather the end. */
export type Wish = (written: string) => string | undefined;

/**
 * An answer of random tokens among those that a constraint allows, which ends as soon as it may now and then. Where the model
 * wishes for a text, the longest token of it that is allowed comes.
 */
export async function drawnAnswer(options: object, seed: number, wish: Wish = () => undefined): Promise<string> {
  const random = signedRandom(seed);
  const constraint = await answerConstraint(options, context);
  const ids: number[] = [];
  try {
    while (!constraint.done) {
      if (ids.length > 3000) throw new Error("The answer does not end.");
      const mask = constraint.nextMask();
      const allowed = Array.from({ length: vocabularySize }, (_, id) => id).filter((id) => isAllowed(mask, id));
      const written = tokenizer.decode(ids);
      const wanted = wish(written);
      const ends = allowed.filter((id) => closing.has(id));
      const among = ends.length > 0 && random() > -0.2 ? ends : allowed;
      const wished = wanted === undefined ? [] : allowed.filter((token) => texts[token] !== "" && wanted.startsWith(texts[token]!));
      const longest = wished.reduce<number | undefined>((best, token) => (best === undefined || texts[token]!.length > texts[best]!.length ? token : best), undefined);
      const id = longest ?? among[Math.floor(((random() + 1) / 2) * among.length) % among.length]!;
      expect(id).not.toBeUndefined();
      constraint.accept(id);
      // In free text nothing but the end of the text ends it.
      if (id === end) break;
      ids.push(id);
      // As an engine does between two steps.
      await Promise.resolve().then(() => {});
      await new Promise(setImmediate);
    }
  } finally {
    constraint.dispose?.();
  }
  return tokenizer.decode(ids);
}
