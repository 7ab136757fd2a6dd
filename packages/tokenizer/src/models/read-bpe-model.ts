import type { Description } from "../description/description.js";
import { BpeModel } from "./bpe-model.js";
import { quoted, readVocabulary } from "./map-vocabulary.js";
import { MergeTable } from "./merge-table.js";

const encoder = new TextEncoder();

/** @throws TokenizerError for merges that name tokens outside the vocabulary, and for dropout */
export function readBpeModel(part: Description): BpeModel {
  if (part.has("dropout") && part.value("dropout") !== 0) throw part.unsupported("merges that are left out at random (dropout)");
  const vocabulary = readVocabulary(part);
  const prefix = part.optionalString("continuing_subword_prefix") ?? "";
  const merges = part.array("merges");
  const table = new MergeTable(merges.length);
  const prefixBytes = encoder.encode(prefix).length;
  const known = (token: string, rank: number): number => {
    const id = vocabulary.id(token);
    if (id === undefined) throw part.wrong(`merges[${rank}]`, `names the token ${quoted(token)}, which the vocabulary does not have`);
    return id;
  };
  for (let rank = 0; rank < merges.length; rank++) {
    const [left, right] = readPair(part, merges[rank], rank);
    const [leftId, rightId] = [known(left, rank), known(right, rank)];
    const rest = prefixBytes === 0 ? right : withoutBytes(part, right, prefixBytes, rank);
    table.set(leftId, rightId, rank, known(left + rest, rank));
  }
  return new BpeModel(vocabulary, table, {
    unknownToken: part.optionalString("unk_token"),
    continuingSubwordPrefix: prefix,
    endOfWordSuffix: part.optionalString("end_of_word_suffix") ?? "",
    fuseUnknown: part.boolean("fuse_unk", false),
    byteFallback: part.boolean("byte_fallback", false),
    ignoreMerges: part.boolean("ignore_merges", false),
  });
}


/** A rule is a list of two tokens, or in older files a text of them with a space between. */
function readPair(part: Description, rule: unknown, rank: number): readonly [string, string] {
  if (typeof rule === "string") {
    const space = rule.indexOf(" ");
    if (space >= 0 && !rule.includes(" ", space + 1)) return [rule.slice(0, space), rule.slice(space + 1)];
  } else if (Array.isArray(rule) && rule.length === 2 && typeof rule[0] === "string" && typeof rule[1] === "string") {
    return rule as [string, string];
  }
  throw part.wrong(`merges[${rank}]`, "is not a pair of tokens");
}

/** The second token of a rule without the prefix that only marks it as a continuation. */
function withoutBytes(part: Description, token: string, count: number, rank: number): string {
  const bytes = encoder.encode(token);
  const onBoundary = bytes.length >= count && (bytes.length === count || (bytes[count]! & 0xc0) !== 0x80);
  if (!onBoundary) throw part.wrong(`merges[${rank}]`, `has the second token ${quoted(token)}, which is shorter than continuing_subword_prefix`);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(count));
}
