import type { Description } from "../description/description.js";
import { quoted, readVocabulary } from "./map-vocabulary.js";
import { readBpeModel } from "./read-bpe-model.js";
import type { TokenModel } from "./token-model.js";
import { UnigramModel } from "./unigram-model.js";
import { WordLevelModel, WordPieceModel } from "./word-models.js";

/** @throws TokenizerError for a kind that is not known */
export function readModel(part: Description): TokenModel {
  const kind = part.has("type") ? part.kind : kindByFields(part);
  switch (kind) {
    case "BPE":
      return readBpeModel(part);
    case "WordPiece":
      return new WordPieceModel(readVocabulary(part), {
        unknownToken: part.string("unk_token"),
        continuingSubwordPrefix: part.string("continuing_subword_prefix"),
        maxInputCharsPerWord: part.count("max_input_chars_per_word"),
      });
    case "WordLevel":
      return new WordLevelModel(readVocabulary(part), part.string("unk_token"));
    case "Unigram":
      return readUnigram(part);
    default:
      throw part.unsupported(`the model ${JSON.stringify(kind)}`);
  }
}

/** Older files do not name the kind. */
function kindByFields(part: Description): string {
  if (part.has("merges")) return "BPE";
  if (Array.isArray(part.value("vocab"))) return "Unigram";
  return part.has("max_input_chars_per_word") ? "WordPiece" : "WordLevel";
}

function readUnigram(part: Description): UnigramModel {
  const entries = part.array("vocab");
  const tokens: string[] = [];
  const scores = new Float64Array(entries.length);
  entries.forEach((entry, id) => {
    if (!Array.isArray(entry) || entry.length !== 2 || typeof entry[0] !== "string" || typeof entry[1] !== "number") {
      throw part.wrong(`vocab[${id}]`, "is not a token with its score");
    }
    if (!entry[0].isWellFormed()) throw part.wrong(`vocab[${id}]`, `is the token ${quoted(entry[0])} with half a character (a lone surrogate)`);
    tokens.push(entry[0]);
    scores[id] = entry[1];
  });
  const unknownId = part.has("unk_id") ? part.count("unk_id") : undefined;
  if (unknownId !== undefined && unknownId >= tokens.length) throw part.wrong("unk_id", "is not in the vocabulary");
  return new UnigramModel({ tokens, scores, unknownId, byteFallback: part.boolean("byte_fallback", false) });
}
