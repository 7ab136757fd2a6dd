import type { Description } from "../description/description.js";
import { BpeModel } from "./bpe-model.js";
import { type MapVocabulary, quoted, readVocabulary } from "./map-vocabulary.js";
import { mostRanks } from "./merge-queue.js";
import { MergeTable } from "./merge-table.js";
import { Stretch } from "./token-table.js";

const encoder = new TextEncoder();

/** @throws TokenizerError for merges that name tokens outside the vocabulary, and for dropout */
export function readBpeModel(part: Description): BpeModel {
  if (part.has("dropout") && part.value("dropout") !== 0) throw part.unsupported("merges that are left out at random (dropout)");
  const vocabulary = readVocabulary(part);
  const prefix = part.optionalString("continuing_subword_prefix") ?? "";
  const merges = readMerges(part, vocabulary, encoder.encode(prefix).length);
  return new BpeModel(vocabulary, merges, {
    unknownToken: part.optionalString("unk_token"),
    continuingSubwordPrefix: prefix,
    endOfWordSuffix: part.optionalString("end_of_word_suffix") ?? "",
    fuseUnknown: part.boolean("fuse_unk", false),
    byteFallback: part.boolean("byte_fallback", false),
    ignoreMerges: part.boolean("ignore_merges", false),
  });
}

/** @param prefixBytes how long the prefix is that the second token of a rule loses. */
function readMerges(part: Description, vocabulary: MapVocabulary, prefixBytes: number): MergeTable {
  const merges = part.array("merges");
  if (merges.length > mostRanks) throw part.wrong("merges", `has more than ${mostRanks} rules`);
  const table = new MergeTable(merges.length);
  const [left, right] = [new Stretch(), new Stretch()];
  const known = (rank: number, first: Stretch, second?: Stretch): number => {
    const id = vocabulary.find(first, second);
    if (id >= 0) return id;
    const token = [first, second].map((one) => one?.text.slice(one.start, one.end) ?? "").join("");
    throw part.wrong(`merges[${rank}]`, `names the token ${quoted(token)}, which the vocabulary does not have`);
  };
  for (let rank = 0; rank < merges.length; rank++) {
    const rule = merges[rank];
    if (!readPair(rule, left, right)) throw part.wrong(`merges[${rank}]`, "is not a pair of tokens");
    const [leftId, rightId] = [known(rank, left), known(rank, right)];
    if (prefixBytes > 0) right.set(withoutBytes(part, right.text.slice(right.start, right.end), prefixBytes, rank));
    table.set(leftId, rightId, rank, known(rank, left, right));
  }
  return table;
}

/** A rule is a list of two tokens, or in older files a text of them with a space between. False for anything else. */
function readPair(rule: unknown, left: Stretch, right: Stretch): boolean {
  if (typeof rule === "string") {
    const space = onlySpace(rule);
    if (space < 0) return false;
    left.set(rule, 0, space);
    right.set(rule, space + 1);
    return true;
  }
  if (!Array.isArray(rule) || rule.length !== 2 || typeof rule[0] !== "string" || typeof rule[1] !== "string") return false;
  left.set(rule[0]);
  right.set(rule[1]);
  return true;
}

/** Where the one space of a text stands; -1 when it has none or several. */
function onlySpace(text: string): number {
  let place = -1;
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) !== 0x20) continue;
    if (place >= 0) return -1;
    place = index;
  }
  return place;
}

/** The second token of a rule without the prefix that only marks it as a continuation. */
function withoutBytes(part: Description, token: string, count: number, rank: number): string {
  const bytes = encoder.encode(token);
  const onBoundary = bytes.length >= count && (bytes.length === count || (bytes[count]! & 0xc0) !== 0x80);
  if (!onBoundary) throw part.wrong(`merges[${rank}]`, `has the second token ${quoted(token)}, which is shorter than continuing_subword_prefix`);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(count));
}
