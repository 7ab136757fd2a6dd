import type { Description } from "../description/description.js";
import { readPattern } from "../description/read-pattern.js";
import { combiningMarks } from "../unicode/bert-characters.js";
import { BertNormalizer } from "./bert-normalizer.js";
import { ChunkedNormalizer } from "./chunked-normalizer.js";
import { CharacterFilter, type Normalizer, NormalizerSequence } from "./normalizer.js";
import { PrecompiledNormalizer } from "./precompiled-normalizer.js";
import { ByteLevelNormalizer, LowercaseNormalizer, NmtNormalizer, PrependNormalizer, ReplaceNormalizer, StripNormalizer } from "./simple-normalizers.js";
import { UnicodeFormNormalizer } from "./unicode-form.js";

/** @throws TokenizerError for a kind that is not known */
export function readNormalizer(part: Description): Normalizer {
  const { kind } = part;
  switch (kind) {
    case "Sequence":
      return new NormalizerSequence(part.objects("normalizers").map(readNormalizer));
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD":
      return new ChunkedNormalizer(new UnicodeFormNormalizer(kind));
    case "BertNormalizer": {
      const lowercase = part.boolean("lowercase");
      const cleanText = part.boolean("clean_text");
      const handleChineseChars = part.boolean("handle_chinese_chars");
      const stripAccents = part.boolean("strip_accents", lowercase);
      return new ChunkedNormalizer(new BertNormalizer({ cleanText, handleChineseChars, stripAccents, lowercase }));
    }
    case "Lowercase":
      return new ChunkedNormalizer(new LowercaseNormalizer());
    case "Strip":
      return new StripNormalizer(part.boolean("strip_left"), part.boolean("strip_right"));
    case "StripAccents":
      return new ChunkedNormalizer(new CharacterFilter(combiningMarks));
    case "Prepend":
      return new PrependNormalizer(part.string("prepend"));
    case "Replace":
      return new ReplaceNormalizer(readPattern(part), part.string("content"));
    case "ByteLevel":
      return new ChunkedNormalizer(new ByteLevelNormalizer());
    case "Nmt":
      return new ChunkedNormalizer(new NmtNormalizer());
    case "Precompiled":
      return readPrecompiled(part);
    default:
      throw part.unsupported(`the normalizer ${JSON.stringify(kind)}`);
  }
}

function readPrecompiled(part: Description): Normalizer {
  try {
    return new ChunkedNormalizer(new PrecompiledNormalizer(new Uint8Array(Buffer.from(part.string("precompiled_charsmap"), "base64"))));
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw part.wrong("precompiled_charsmap", "is cut off");
  }
}
