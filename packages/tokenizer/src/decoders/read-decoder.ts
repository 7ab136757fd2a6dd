import type { Description } from "../description/description.js";
import { readPattern } from "../description/read-pattern.js";
import { readMetaspace } from "../pre-tokenizers/metaspace.js";
import { ByteFallbackDecoder, ByteLevelDecoder } from "./byte-decoders.js";
import { type Decoder, DecoderSequence, TokenMapDecoder } from "./decoder.js";
import { CharacterReplacement, FuseDecoder, StripDecoder, SuffixDecoder } from "./joining-decoders.js";
import { CtcDecoder, metaspaceDecoder, wordPieceDecoder } from "./word-decoders.js";

/** Without a decoder tokens are words. */
export const spacedWords: Decoder = new TokenMapDecoder((token, index) => (index === 0 ? token : ` ${token}`));

/** @throws TokenizerError for a kind that is not known */
export function readDecoder(part: Description): Decoder {
  const { kind } = part;
  switch (kind) {
    case "Sequence":
      return new DecoderSequence(part.objects("decoders").map(readDecoder));
    case "ByteLevel":
      return new ByteLevelDecoder();
    case "ByteFallback":
      return new ByteFallbackDecoder();
    case "Fuse":
      return new FuseDecoder();
    case "BPEDecoder": {
      const suffix = part.string("suffix");
      if (suffix === "") throw part.unsupported("a word suffix without characters");
      return new SuffixDecoder(suffix);
    }
    case "WordPiece":
      return wordPieceDecoder(part.string("prefix"), part.boolean("cleanup"));
    case "Metaspace": {
      const { replacement, prependScheme } = readMetaspace(part);
      return metaspaceDecoder(replacement, prependScheme !== "never");
    }
    case "CTC": {
      const [padding, delimiter] = [part.string("pad_token"), part.string("word_delimiter_token")];
      if (padding === "" || delimiter === "") throw part.unsupported("a padding or delimiter token without characters");
      return new CtcDecoder(padding, delimiter, part.boolean("cleanup"));
    }
    case "Strip":
      return new StripDecoder(part.character("content"), part.count("start"), part.count("stop"));
    case "Replace":
      return readReplace(part);
    default:
      throw part.unsupported(`the decoder ${JSON.stringify(kind)}`);
  }
}

function readReplace(part: Description): Decoder {
  const content = part.string("content");
  const literal = part.object("pattern").optionalString("String");
  if (literal?.length === 1) return new CharacterReplacement(literal, content);
  const pattern = readPattern(part);
  return new TokenMapDecoder((token) => (token === "" ? "" : pattern.replace(token, content)));
}
