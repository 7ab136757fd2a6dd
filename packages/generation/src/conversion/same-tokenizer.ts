import { ConversionError } from "@elastic-attention/core";
import { GgufCheckpoint, ggufPieces, type GgufWriteValue } from "@elastic-attention/tensor";
import type { ChatMessage } from "../request/generation-request.js";
import { ggufTokenizer } from "../tokenizer/gguf/gguf-tokenizer.js";
import { Tokenizer } from "../tokenizer/tokenizer.js";

/** Texts that tokenizers cut in different ways where they differ. */
const texts = [
  "",
  " ",
  "Hello, world! I'm sure they've DON'T'd it; we'll see.",
  "  two  spaces,\ttabs\t\tand\n\n\nlines \r\n mixed   \n",
  "0 12 345 6789 12345678 3.14159 1,000,000 v2.0.1 ２３ ½ Ⅷ",
  "camelCaseWord snake_case_word HTTPServer iPhone15Pro ЁжИк",
  "for (let i = 0; i < n; ++i) { a[i] += b->c / 2.5e-3; } // done!!! ???",
  "Größe, naïve, Ærøskøbing, İstanbul, ﬁne, Dž ǅ",
  "Привет, мир. Γειά σου Κόσμε. שלום עולם مرحبا بالعالم नमस्ते दुनिया สวัสดีชาวโลก",
  "中文分词测试，日本語のテスト。カタカナ 한국어 시험",
  "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 emoji\u200bzero\u00a0width\ufeff \u2028 \ud7ff",
  "<0x0A> ▁ Ġ <s> </s> <unk> <|im_start|> [INST] <bos>",
  "a".repeat(40) + " " + "ab".repeat(20) + "\u0001\u007f\u0080",
];

const conversations: readonly (readonly ChatMessage[])[] = [
  [{ role: "user", content: "Hello" }],
  [{ role: "system", content: "Be brief." }, { role: "user", content: "  Which number\nis next?" }],
  [{ role: "user", content: "One?" }, { role: "assistant", content: "Two." }, { role: "user", content: "Three?" }],
];

/**
 * Proves on texts of many kinds, and on every special token, that two tokenizers give the same ids and the same chats.
 * @throws ConversionError
 */
export function checkSameTokenizer(before: Tokenizer, after: Tokenizer, vocabularySize: number): void {
  const special = Array.from({ length: vocabularySize }, (_, id) => id).filter((id) => before.isSpecial(id)).map((id) => before.token(id)!);
  const mixed = special.length === 0 ? [] : special.slice(0, 64).map((token) => `a ${token}b ${token} c`);
  for (const text of [...texts, ...mixed].map((each) => each.normalize("NFC"))) {
    for (const addSpecialTokens of [true, false]) {
      const [expected, found] = [before, after].map((tokenizer) => encoded(tokenizer, text, addSpecialTokens));
      if (expected !== found) throw different(`the text ${JSON.stringify(text.slice(0, 40))} would have the tokens ${excerpt(found!)}, not ${excerpt(expected!)}`);
    }
    const ids = encodedIds(before, text);
    if (before.decode(ids) !== after.decode(ids)) throw different(`the tokens of ${JSON.stringify(text.slice(0, 40))} would be another text`);
  }
  for (const messages of conversations) {
    const [expected, found] = [before, after].map((tokenizer) => rendered(tokenizer, messages));
    if (expected !== found) throw different("conversations would be written otherwise");
  }
}

/** The tokenizer that keys of metadata describe, before a file has them. @throws GgufMetadataError */
export function describedTokenizer(keys: ReadonlyMap<string, GgufWriteValue>): Tokenizer {
  const header = Buffer.concat([...ggufPieces(keys, new Map())]);
  const file = GgufCheckpoint.ofBeginning("the converted file", header.length, header)!;
  return new Tokenizer(ggufTokenizer(file.metadata));
}

function encodedIds(tokenizer: Tokenizer, text: string): readonly number[] {
  try {
    return Array.from(tokenizer.encode(text, { addSpecialTokens: false }));
  } catch {
    return [];
  }
}

function encoded(tokenizer: Tokenizer, text: string, addSpecialTokens: boolean): string {
  try {
    return tokenizer.encode(text, { addSpecialTokens }).join(" ");
  } catch (error) {
    return (error as Error).message;
  }
}

function rendered(tokenizer: Tokenizer, messages: readonly ChatMessage[]): string {
  if (!tokenizer.hasChatTemplate) return "";
  try {
    return tokenizer.applyChatTemplate(messages);
  } catch (error) {
    return (error as Error).message;
  }
}

function excerpt(ids: string): string {
  return ids.length > 60 ? `${ids.slice(0, 60)} …` : ids;
}

function different(how: string): ConversionError {
  return new ConversionError(`The tokenizer cannot be converted: ${how}.`, "Take the file that the model's makers publish, or keep the kind of file.");
}
