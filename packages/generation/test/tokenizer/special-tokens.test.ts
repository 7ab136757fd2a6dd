import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type GgufWriteValue, writeGguf } from "@elastic-attention/tensor";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Tokenizer } from "../../src/index.js";

let folder = "";
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "special-tokens-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** BPE over two letters and two marks, none of them an added token. */
const vocabulary = { a: 0, b: 1, ab: 2, "<s>": 3, "</s>": 4 };
const model = { type: "BPE", vocab: vocabulary, merges: [["a", "b"]], unk_token: null, byte_fallback: false };
const tokenizerFile = { version: "1.0", added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: { type: "Fuse" }, model };

function inFolder(files: Readonly<Record<string, unknown>>): Tokenizer {
  for (const [name, content] of Object.entries({ "tokenizer.json": tokenizerFile, ...files })) writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));
  return Tokenizer.load(folder);
}

/** A GGUF file with the same tokens as a sentencepiece vocabulary. */
function inGguf(keys: Readonly<Record<string, GgufWriteValue>>): Tokenizer {
  const path = join(folder, "made.gguf");
  const tokens = ["<unk>", "<s>", "</s>", "▁", "a", "b", "ab"];
  const all: Record<string, GgufWriteValue> = {
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.tokens": tokens,
    "tokenizer.ggml.scores": tokens.map((_, id) => -id),
    "tokenizer.ggml.token_type": [2, 3, 3, 1, 1, 1, 1],
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
    "tokenizer.ggml.unknown_token_id": 0,
    "tokenizer.ggml.add_space_prefix": false,
    ...keys,
  };
  writeGguf(path, new Map(Object.entries(all)), new Map());
  return Tokenizer.load(path);
}

const ids = (tokenizer: Tokenizer, text: string) => Array.from(tokenizer.encode(text));

describe("special tokens", () => {
  it("that only special_tokens_map.json names are found in texts, left out of them, and known to the template", () => {
    const tokenizer = inFolder({
      "special_tokens_map.json": { bos_token: "<s>", eos_token: { content: "</s>", lstrip: false, rstrip: false, normalized: false, single_word: false }, additional_special_tokens: ["<|turn|>"] },
      "chat_template.jinja": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}",
    });
    expect(ids(tokenizer, "<s>ab</s><|turn|>")).toEqual([3, 2, 4, 5]);
    expect(tokenizer.decode([3, 2, 4, 5])).toBe("ab");
    expect([3, 4, 5, 2].map((id) => tokenizer.isSpecial(id))).toEqual([true, true, true, false]);
    expect(tokenizer.applyChatTemplate([{ role: "user", content: "a" }])).toBe("<s>a</s>");
  });

  it("that tokenizer_config.json names otherwise count as it says", () => {
    const tokenizer = inFolder({ "special_tokens_map.json": { eos_token: "<s>" }, "tokenizer_config.json": { eos_token: "</s>" }, "chat_template.jinja": "{{ eos_token }}" });
    expect(tokenizer.applyChatTemplate([{ role: "user", content: "a" }])).toBe("</s>");
    expect([tokenizer.isSpecial(4), tokenizer.isSpecial(3)]).toEqual([true, false]);
  });

  it("that only added_tokens_decoder names get the next free ids in its order, and are special where it says so", () => {
    const tokenizer = inFolder({ "tokenizer_config.json": { added_tokens_decoder: { "6": { content: "<tool>", special: true }, "5": { content: "<note>", special: false } } } });
    expect(ids(tokenizer, "a<note>b<tool>")).toEqual([0, 5, 1, 6]);
    expect(tokenizer.decode([0, 5, 1, 6])).toBe("a<note>b");
    expect(tokenizer.decode([0, 5, 1, 6], { skipSpecialTokens: false })).toBe("a<note>b<tool>");
  });

  it.each([
    [{ add_bos_token: true }, [3, 2]],
    [{ add_eos_token: true }, [2, 4]],
    [{ add_bos_token: true, add_eos_token: true }, [3, 2, 4]],
    [{ add_bos_token: false, add_eos_token: false }, [2]],
  ])("stand around a raw text of a folder where it says %j, and not around one from a template", (settings, expected) => {
    const tokenizer = inFolder({ "tokenizer_config.json": { bos_token: "<s>", eos_token: "</s>", ...settings }, "chat_template.jinja": "{{ messages[0].content }}" });
    expect(ids(tokenizer, "ab")).toEqual(expected);
    expect(Array.from(tokenizer.encodeChat([{ role: "user", content: "ab" }]))).toEqual([2]);
  });

  it.each([
    [{}, [1, 6]],
    [{ "tokenizer.ggml.add_bos_token": false }, [6]],
    [{ "tokenizer.ggml.add_eos_token": true }, [1, 6, 2]],
    [{ "tokenizer.ggml.add_bos_token": false, "tokenizer.ggml.add_eos_token": true }, [6, 2]],
  ])("stand around a raw text of a GGUF file with a sentencepiece vocabulary where it says %j", (keys, expected) => {
    const tokenizer = inGguf(keys);
    expect(ids(tokenizer, "ab")).toEqual(expected);
    expect(Array.from(tokenizer.encode("ab", { addSpecialTokens: false, limit: 1 }))).toEqual([6]);
    expect(() => tokenizer.encode("ab", { limit: expected.length - 1 })).toThrow(/more than/);
  });
});

describe("odd tokens and texts", () => {
  it("of a vocabulary with holes: ids that are no token's give no text, and texts never have them", () => {
    const tokenizer = inFolder({ "tokenizer.json": { ...tokenizerFile, model: { ...model, vocab: { a: 0, b: 50, ab: 1_000_000 } } } });
    expect(ids(tokenizer, "abb")).toEqual([1_000_000, 50]);
    expect([tokenizer.token(7), tokenizer.token(999_999), tokenizer.token(-1), tokenizer.token(2 ** 40)]).toEqual([undefined, undefined, undefined, undefined]);
    expect(tokenizer.decode([1_000_000, 7, -1, 2 ** 40, 50])).toBe("abb");
  });

  it("half characters are U+FFFD, in a folder's tokenizer as in a GGUF file's", () => {
    const folderTokenizer = inFolder({ "tokenizer.json": { ...tokenizerFile, model: { ...model, vocab: { ...vocabulary, "\uFFFD": 5 } } } });
    expect(ids(folderTokenizer, "a\uD83Db\uDE42")).toEqual([0, 5, 1, 5]);
    const tokens = ["<unk>", "<s>", "</s>", "▁", "a", "b", "\uFFFD"];
    expect(ids(inGguf({ "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.add_bos_token": false }), "a\uD83Db")).toEqual([4, 6, 5]);
  });

  it("files may begin with a byte order mark", () => {
    const tokenizer = inFolder({ "tokenizer.json": `\uFEFF${JSON.stringify(tokenizerFile)}`, "tokenizer_config.json": `\uFEFF${JSON.stringify({ chat_template: "{{ messages[0].content }}!" })}` });
    expect(tokenizer.applyChatTemplate([{ role: "user", content: "a" }])).toBe("a!");
  });
});
