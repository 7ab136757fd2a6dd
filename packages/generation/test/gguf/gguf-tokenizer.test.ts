import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { GgufMetadataError } from "@elastic-attention/core";
import { type GgufWriteValue, writeGguf } from "@elastic-attention/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Tokenizer } from "../../src/index.js";
import { preTokenizers } from "../../src/tokenizer/gguf/pre-tokenizers.js";

const fixture = (name: string) => gunzipSync(readFileSync(new URL(`fixtures/${name}.gz`, import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), "gguf-tokenizer-"));
const shared = process.env["ELASTIC_ATTENTION_SHARED"] ?? fileURLToPath(new URL("../../../../../shared", import.meta.url));

interface TokenCase {
  readonly text: string;
  readonly ids: readonly number[];
  readonly decoded?: string;
}

/** The tokenizer of a vocabulary in fixtures/: the metadata of a golden model, without its tensors. */
function fixtureTokenizer(name: string): Tokenizer {
  return Tokenizer.load(join(folder, `${name}.gguf`));
}

beforeAll(() => {
  for (const name of ["llama-bpe", "qwen2", "smollm", "sentencepiece"]) writeFileSync(join(folder, `${name}.gguf`), fixture(`${name}.gguf`));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A tokenizer over these keys, beside those of a small vocabulary. */
function tokenizerOf(keys: Readonly<Record<string, GgufWriteValue | undefined>>): Tokenizer {
  const all = { "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.tokens": ["a", "b", "Ġ", "ab", "<s>", "</s>"], "tokenizer.ggml.merges": ["a b"], "tokenizer.ggml.token_type": [1, 1, 1, 1, 3, 3], ...keys };
  const path = join(folder, "made.gguf");
  writeGguf(path, new Map(Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))), new Map());
  return Tokenizer.load(path);
}

const plain = { addSpecialTokens: false } as const;

describe("the tokenizer of a GGUF file", () => {
  // The ids of the tokenizers library in Rust, and of sentencepiece; llama.cpp gives the same.
  it.each(["llama-bpe", "qwen2", "smollm", "sentencepiece"])("gives the recorded ids for the vocabulary %s", (name) => {
    const tokenizer = fixtureTokenizer(name);
    const cases = JSON.parse(fixture(`${name}.cases.json`).toString()) as readonly TokenCase[];
    expect(cases.length).toBeGreaterThanOrEqual(100);
    for (const { text, ids, decoded } of cases) {
      expect({ text, ids: Array.from(tokenizer.encode(text, plain)) }).toEqual({ text, ids });
      expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(decoded ?? text);
    }
  });

  const smollm2 = join(shared, "data/smollm2");
  it.skipIf(!existsSync(smollm2))("gives the recorded ids and conversations for SmolLM2", () => {
    const tokenizer = Tokenizer.load(join(smollm2, "SmolLM2-135M-Instruct.Q4_1.gguf"));
    const read = (name: string): unknown => JSON.parse(readFileSync(join(smollm2, name), "utf8"));
    const tokens = read("tokens.json") as { cases: readonly TokenCase[] };
    expect(tokens.cases).toHaveLength(200);
    for (const { text, ids } of tokens.cases) expect({ text, ids: Array.from(tokenizer.encode(text)) }).toEqual({ text, ids });
    const golden = read("golden.json") as { cases: readonly { messages?: Parameters<Tokenizer["applyChatTemplate"]>[0]; text: string }[] };
    const chats = golden.cases.filter(({ messages }) => messages !== undefined);
    expect(chats.length).toBeGreaterThan(3);
    for (const { messages, text } of chats) expect(tokenizer.applyChatTemplate(messages!)).toBe(text);
  });

  it("puts a begin token in front where the file, or else the pre-tokenizer, says so", () => {
    expect(fixtureTokenizer("llama-bpe").encode("a")[0]).toBe(507);
    expect(fixtureTokenizer("sentencepiece").encode("a")[0]).toBe(1);
    expect(Array.from(fixtureTokenizer("qwen2").encode("a"))).toEqual([64]);
    const ids = (keys: Parameters<typeof tokenizerOf>[0]) => Array.from(tokenizerOf({ "tokenizer.ggml.bos_token_id": 4, "tokenizer.ggml.eos_token_id": 5, ...keys }).encode("ab"));
    expect(ids({})).toEqual([3]);
    expect(ids({ "tokenizer.ggml.add_bos_token": true })).toEqual([4, 3]);
    expect(ids({ "tokenizer.ggml.add_bos_token": true, "tokenizer.ggml.add_eos_token": true })).toEqual([4, 3, 5]);
    expect(ids({ "tokenizer.ggml.pre": "llama-bpe" })).toEqual([4, 3]);
    expect(ids({ "tokenizer.ggml.pre": "llama-bpe", "tokenizer.ggml.add_bos_token": false })).toEqual([3]);
  });

  it("knows special tokens by their types, or by what they are for where there are none", () => {
    const tokenizer = fixtureTokenizer("qwen2");
    expect([tokenizer.isSpecial(510), tokenizer.isSpecial(64), tokenizer.tokenId("<|im_end|>")]).toEqual([true, false, 511]);
    expect(tokenizer.decode(tokenizer.encode("<|im_start|>a<|im_end|>", plain))).toBe("a");
    const untyped = tokenizerOf({ "tokenizer.ggml.token_type": undefined, "tokenizer.ggml.bos_token_id": 4 });
    expect(Array.from(untyped.encode("<s>ab", plain))).toEqual([4, 3]);
  });

  it("ends answers at every end token that the file knows", () => {
    expect(fixtureTokenizer("qwen2").endOfText).toEqual([511, 509]);
    const ends = { "tokenizer.ggml.eos_token_id": 5, "tokenizer.ggml.eot_token_id": 4, "tokenizer.ggml.eom_token_id": 5 };
    expect(tokenizerOf(ends).endOfText).toEqual([5, 4]);
  });

  it("takes user-defined tokens whole, as text", () => {
    const tokenizer = tokenizerOf({ "tokenizer.ggml.token_type": [1, 1, 1, 1, 4, 3] });
    expect(Array.from(tokenizer.encode("a<s>b", plain))).toEqual([0, 4, 1]);
    expect(tokenizer.decode([0, 4, 1])).toBe("a<s>b");
    expect(tokenizer.isSpecial(4)).toBe(false);
  });

  it("knows every token by any name, also those that every object has", () => {
    const tokens = ["a", "b", "__proto__", "constructor", "ab"];
    const tokenizer = tokenizerOf({ "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": [1, 1, 3, 1, 1] });
    expect(tokens.map((token) => tokenizer.tokenId(token))).toEqual([0, 1, 2, 3, 4]);
    expect(Array.from(tokenizer.encode("__proto__ab", plain))).toEqual([2, 4]);
  });

  const refused: readonly (readonly [what: string, keys: Parameters<typeof tokenizerOf>[0], message: RegExp])[] = [
    ["another kind of tokenizer", { "tokenizer.ggml.model": "t5" }, /tokenizer.ggml.model must be "gpt2".*found "t5"/],
    ["no kind of tokenizer", { "tokenizer.ggml.model": undefined }, /tokenizer.ggml.model is missing/],
    ["a pre-tokenizer that is not known", { "tokenizer.ggml.pre": "new-one" }, /tokenizer.ggml.pre must be one of llama-bpe.*found "new-one"/],
    ["the default pre-tokenizer", { "tokenizer.ggml.pre": "default" }, /found "default"/],
    ["no pre-tokenizer", { "tokenizer.ggml.pre": undefined }, /tokenizer.ggml.pre is missing/],
    ["no tokens", { "tokenizer.ggml.tokens": undefined }, /tokenizer.ggml.tokens is missing/],
    ["no merges", { "tokenizer.ggml.merges": undefined }, /tokenizer.ggml.merges is missing/],
    ["fewer types than tokens", { "tokenizer.ggml.token_type": [1, 1, 1] }, /token_type must have one number for each of the 6 tokens, found an array of 3/],
    ["merges of tokens that do not exist", { "tokenizer.ggml.merges": ["a b", "a c"] }, /merge 1 is "a c"/],
    ["merges to a token that does not exist", { "tokenizer.ggml.merges": ["b a"] }, /merge 0 is "b a"/],
    ["a merge of one token", { "tokenizer.ggml.merges": ["ab"] }, /merge 0 is "ab"/],
    ["an end token outside the vocabulary", { "tokenizer.ggml.eos_token_id": 6 }, /eos_token_id must be below the 6 of the tokens, found 6/],
    ["a space in front of byte-level text", { "tokenizer.ggml.add_space_prefix": true }, /add_space_prefix must be false/],
    ["a sentencepiece vocabulary without scores", { "tokenizer.ggml.model": "llama" }, /tokenizer.ggml.scores is missing/],
    ["fewer scores than tokens", { "tokenizer.ggml.model": "llama", "tokenizer.ggml.scores": [1, 2] }, /scores must have one number for each of the 6 tokens/],
    ["a byte token that names no byte", { "tokenizer.ggml.model": "llama", "tokenizer.ggml.scores": [0, 0, 0, 0, 0, 0], "tokenizer.ggml.token_type": [6, 1, 1, 1, 3, 3] }, /must name a byte.*"a"/],
    ["text that is normalised first", { "tokenizer.ggml.model": "llama", "tokenizer.ggml.scores": [0, 0, 0, 0, 0, 0], "tokenizer.ggml.precompiled_charsmap": [1, 2] }, /precompiled_charsmap is not supported/],
    ["text whose spaces are removed", { "tokenizer.ggml.model": "llama", "tokenizer.ggml.scores": [0, 0, 0, 0, 0, 0], "tokenizer.ggml.remove_extra_whitespaces": true }, /remove_extra_whitespaces must be false/],
    ["a chat template that is no text", { "tokenizer.chat_template": 1 }, /tokenizer.chat_template must be a text, found 1/],
  ];

  it.each(refused)("refuses %s", (_what, keys, message) => {
    expect(() => tokenizerOf(keys)).toThrow(GgufMetadataError);
    expect(() => tokenizerOf(keys)).toThrow(message);
  });
});

describe("pre-tokenizers", () => {
  /** What merging sees, one piece at a time. */
  function pieces(pre: string, text: string): string[] {
    const { patterns } = preTokenizers.get(pre)!;
    return patterns.reduce<string[]>((parts, pattern) => parts.flatMap((part) => cut(part, pattern)), [text]);
  }

  const cases: readonly (readonly [pre: string, text: string, pieces: readonly string[]])[] = [
    ["llama-bpe", "I'LL pay 12345 dollars!!\n\n  ok", ["I", "'LL", " pay", " ", "123", "45", " dollars", "!!\n\n", " ", " ok"]],
    ["qwen2", "x=12 or_y", ["x", "=", "1", "2", " or", "_y"]],
    ["gpt-2", "I'll pay 12345  dollars!\n", ["I", "'ll", " pay", " 12345", " ", " dollars", "!", "\n"]],
    ["smollm", "pay 123 now", ["pay", " ", "1", "2", "3", " now"]],
    ["gpt-4o", "HelloWorld's dog/\n", ["Hello", "World's", " dog", "/\n"]],
    ["tekken", "HelloWorld 42's", ["Hello", "World", " ", "4", "2", "'s"]],
    ["seed-coder", "a = 12;\nb", ["a", " =", " ", "1", "2", ";", "\n", "b"]],
    ["deepseek-v3", "x+1 你好abc 2024", ["x", "+", "1", " ", "你好", "abc", " ", "202", "4"]],
    ["falcon", "a<=1234 b", ["a", "<=", "123", "4", " b"]],
    ["bloom", "ab, cd", ["ab", ",", " cd"]],
    ["viking", "ab12", ["ab", "1", "2"]],
  ];

  it.each(cases)("%s cuts %j", (pre, text, expected) => {
    expect(pieces(pre, text)).toEqual(expected);
  });

  it("of every name are patterns that the tokenizer takes, and lose nothing", () => {
    const text = "Mr. O'Neill's 3rd e-mail:\r\n\t½ ² ③ Ⅷ — naïve café \u0085\ufeff 你好，世界 こんにちは 안녕 مرحبا 🙂🇩🇪 __x__ <|a|> \u00a0\u3000end  ";
    expect(preTokenizers.size).toBeGreaterThan(40);
    const bytes = byteAlphabet();
    for (const [pre, { patterns }] of preTokenizers) {
      expect({ pre, text: pieces(pre, text).join("") }).toEqual({ pre, text });
      expect(patterns.length).toBeGreaterThan(0);
      const tokenizer = tokenizerOf({ "tokenizer.ggml.pre": pre, "tokenizer.ggml.tokens": bytes, "tokenizer.ggml.token_type": bytes.map(() => 1), "tokenizer.ggml.merges": [] });
      expect({ pre, text: tokenizer.decode(tokenizer.encode(text, plain)) }).toEqual({ pre, text });
    }
  });
});

/** Isolates what a pattern matches. White space is that of Unicode, as in the libraries that models are trained with. */
function cut(text: string, pattern: string): string[] {
  const unicode = pattern.replaceAll("\\s", "\\p{White_Space}").replaceAll("\\S", "\\P{White_Space}");
  const parts: string[] = [];
  let end = 0;
  for (const match of text.matchAll(new RegExp(unicode, "gu"))) {
    parts.push(text.slice(end, match.index), match[0]);
    end = match.index + match[0].length;
  }
  return [...parts, text.slice(end)].filter((part) => part !== "");
}

/** The 256 characters that stand for bytes: printable ones for themselves, the others from U+0100 on. */
function byteAlphabet(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    return String.fromCharCode(printable ? byte : next++);
  });
}
