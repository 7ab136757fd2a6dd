import type { Description } from "../description/description.js";
import { readPattern } from "../description/read-pattern.js";
import { spaceClass } from "../pattern/class-source.js";
import { Pattern } from "../pattern/pattern.js";
import { numberCharacters, punctuationCharacters, wordCharacters } from "../unicode/bert-characters.js";
import { ByteLevelPreTokenizer } from "./byte-level.js";
import { CharacterDelimiters } from "./character-delimiters.js";
import { FixedLengthPreTokenizer } from "./fixed-length.js";
import { MetaspacePreTokenizer, readMetaspace } from "./metaspace.js";
import { type PreTokenizer, PreTokenizerSequence, type SplitBehavior, splitBehaviors, SplitPreTokenizer } from "./pre-tokenizer.js";
import { UnicodeScriptsPreTokenizer } from "./unicode-scripts.js";
import { WordDelimiters } from "./word-delimiters.js";

/** @throws TokenizerError for a kind that is not known */
export function readPreTokenizer(part: Description): PreTokenizer {
  const { kind } = part;
  switch (kind) {
    case "Sequence":
      return new PreTokenizerSequence(part.objects("pretokenizers").map(readPreTokenizer));
    case "ByteLevel":
      return new ByteLevelPreTokenizer(part.boolean("add_prefix_space"), part.boolean("use_regex", true));
    case "Split":
      return new SplitPreTokenizer(readPattern(part), readBehavior(part), part.boolean("invert"));
    case "Metaspace":
      return new MetaspacePreTokenizer(readMetaspace(part));
    case "BertPreTokenizer":
      return new PreTokenizerSequence([
        new SplitPreTokenizer(new CharacterDelimiters(spaceClass), "Removed"),
        new SplitPreTokenizer(new CharacterDelimiters(punctuationCharacters), "Isolated"),
      ]);
    case "Whitespace":
      return new SplitPreTokenizer(new WordDelimiters(wordCharacters, spaceClass), "Removed", true);
    case "WhitespaceSplit":
      return new SplitPreTokenizer(new CharacterDelimiters(spaceClass), "Removed");
    case "CharDelimiterSplit":
      return new SplitPreTokenizer(Pattern.literal(part.character("delimiter")), "Removed");
    case "Punctuation":
      return new SplitPreTokenizer(new CharacterDelimiters(punctuationCharacters), readBehavior(part, "Isolated"));
    case "Digits":
      return new SplitPreTokenizer(new CharacterDelimiters(numberCharacters), part.boolean("individual_digits") ? "Isolated" : "Contiguous");
    case "UnicodeScripts":
      return new UnicodeScriptsPreTokenizer();
    case "FixedLength": {
      const length = part.count("length", 5);
      if (length === 0) throw part.wrong("length", "is zero");
      return new FixedLengthPreTokenizer(length);
    }
    default:
      throw part.unsupported(`the pre-tokenizer ${JSON.stringify(kind)}`);
  }
}

function readBehavior(part: Description, otherwise?: SplitBehavior): SplitBehavior {
  const behavior = part.string("behavior", otherwise);
  const known = splitBehaviors.find((one) => one === behavior);
  if (known === undefined) throw part.wrong("behavior", `is none of ${splitBehaviors.join(", ")}`);
  return known;
}
