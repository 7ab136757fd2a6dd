import type { Description } from "../description/description.js";

/** A token that is found in the text itself, before the text is cut. */
export interface AddedToken {
  readonly content: string;
  /** Whether it counts only where no word goes on before or behind it. */
  readonly singleWord: boolean;
  /** Whether it takes the white space before it. */
  readonly leftStrip: boolean;
  /** Whether it takes the white space behind it. */
  readonly rightStrip: boolean;
  /** Whether it is sought in the normalized text. */
  readonly normalized: boolean;
  /** Whether it marks structure rather than text. */
  readonly special: boolean;
}

/** @param otherwise what counts where the description is silent; without it every field must be there. */
export function readAddedToken(part: Description, otherwise?: Pick<AddedToken, "special" | "normalized">): AddedToken {
  const silent = otherwise === undefined ? undefined : false;
  return {
    content: part.string("content"),
    singleWord: part.boolean("single_word", silent),
    leftStrip: part.boolean("lstrip", silent),
    rightStrip: part.boolean("rstrip", silent),
    normalized: part.boolean("normalized", otherwise?.normalized),
    special: part.boolean("special", otherwise?.special),
  };
}

export function sameToken(one: AddedToken, other: AddedToken): boolean {
  return (
    one.content === other.content &&
    one.singleWord === other.singleWord &&
    one.leftStrip === other.leftStrip &&
    one.rightStrip === other.rightStrip &&
    one.normalized === other.normalized &&
    one.special === other.special
  );
}
