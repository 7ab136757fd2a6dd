import type { Description } from "../description/description.js";

/** What stands around the tokens of a text. */
export interface Frame {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

export const noFrame: Frame = { before: [], after: [] };

/** @throws TokenizerError for a kind that is not known, and for a template in which the text stands not exactly once */
export function readPostProcessor(part: Description): Frame {
  const { kind } = part;
  switch (kind) {
    case "ByteLevel":
      return noFrame;
    case "BertProcessing":
    case "RobertaProcessing":
      return { before: [readMarker(part, "cls")], after: [readMarker(part, "sep")] };
    case "TemplateProcessing":
      return readTemplate(part);
    case "Sequence":
      return part.objects("processors").map(readPostProcessor).reduce(
        (inner, outer) => ({ before: [...outer.before, ...inner.before], after: [...inner.after, ...outer.after] }),
        noFrame,
      );
    default:
      throw part.unsupported(`the post-processor ${JSON.stringify(kind)}`);
  }
}

function readMarker(part: Description, name: string): number {
  const [token, id] = part.array(name);
  if (typeof token !== "string" || typeof id !== "number" || !Number.isInteger(id) || id < 0) throw part.wrong(name, "is not a token with its id");
  return id;
}

function readTemplate(part: Description): Frame {
  const special = part.object("special_tokens");
  const [before, after]: [number[], number[]] = [[], []];
  let texts = 0;
  for (const piece of part.objects("single")) {
    const token = piece.optionalObject("SpecialToken");
    if (token !== undefined) {
      const ids = special.object(token.string("id")).array("ids");
      for (const id of ids) {
        if (typeof id !== "number" || !Number.isInteger(id) || id < 0) throw part.wrong("special_tokens", "has an id that is none");
        (texts === 0 ? before : after).push(id);
      }
    } else if (piece.object("Sequence").string("id") === "A") texts++;
    else throw piece.unsupported("a second text in the template for one");
  }
  if (texts !== 1) throw part.unsupported("a template in which the text does not stand exactly once");
  return { before, after };
}
