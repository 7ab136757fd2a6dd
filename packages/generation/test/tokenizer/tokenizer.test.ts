import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidRequestError, TokenizerError } from "@elastic-attention/core";
import { ChatTemplate, Tokenizer } from "../../src/index.js";
import { demoModel } from "../doubles/tiny-model.js";

const tokenizer = Tokenizer.load(demoModel);

function inFolder<T>(files: Record<string, string>, test: (path: string) => T): T {
  const path = mkdtempSync(join(tmpdir(), "tokenizer-"));
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
    return test(path);
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

describe("the tokenizer", () => {
  it("gives any text back", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), (text) => {
        expect(tokenizer.decode(tokenizer.encode(text, { addSpecialTokens: false }))).toBe(text);
      }),
      { numRuns: 300 },
    );
  });

  it("keeps spaces before punctuation", () => {
    const text = "a , b . it 's  there\n\n  x";
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  it("recognises special tokens and leaves them out of the text unless asked", () => {
    const ids = tokenizer.encode("<|bos|>Hello<|end|>");
    expect([ids[0], ids.at(-1)]).toEqual([0, 1]);
    expect(tokenizer.decode(ids)).toBe("Hello");
    expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe("<|bos|>Hello<|end|>");
    expect([tokenizer.isSpecial(1), tokenizer.isSpecial(100), tokenizer.tokenId("<|end|>")]).toEqual([true, false, 1]);
  });

  it("takes empty texts and ids outside the vocabulary", () => {
    expect(tokenizer.encode("")).toHaveLength(0);
    expect(tokenizer.decode([])).toBe("");
    expect(tokenizer.decode([1_000_000, ...tokenizer.encode("ok")])).toBe("ok");
  });

  it("applies the chat template without doubling special tokens", () => {
    const messages = [
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hi" },
    ] as const;
    const text = "<|bos|><|system|>\nBe brief.<|end|>\n<|user|>\nHi<|end|>\n<|assistant|>\n";
    expect(tokenizer.applyChatTemplate(messages)).toBe(text);
    expect(tokenizer.encodeChat(messages)).toEqual(tokenizer.encode(text));
    expect(tokenizer.decode(tokenizer.encodeChat(messages), { skipSpecialTokens: false })).toBe(text);
  });
});

describe("chat templates", () => {
  const user = [{ role: "user", content: "Hi" }] as const;

  it("know the special tokens, as texts and as records", () => {
    const template = new ChatTemplate("{{ bos_token }}{{ messages[0]['content'] }}{{ eos_token }}", {
      bos_token: "<s>",
      eos_token: { content: "</s>", lstrip: false },
    });
    expect(template.render(user)).toBe("<s>Hi</s>");
  });

  it("refuse with their own words", () => {
    const template = new ChatTemplate("{{ raise_exception('Roles must alternate') }}");
    expect(() => template.render(user)).toThrow(InvalidRequestError);
    expect(() => template.render(user)).toThrow(/Roles must alternate/);
    expect(() => template.render([])).toThrow(InvalidRequestError);
    expect(() => template.render([{ role: "robot", content: "" }])).toThrow(/messages\[0\]/);
  });

  it("name the first message that is refused, and keep the template's own error", () => {
    const source = "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Take turns!') }}{% endif %}{{ m.content }}{% endfor %}";
    const template = new ChatTemplate(source);
    const messages = [...user, { role: "assistant", content: "Hello" }, { role: "assistant", content: "again" }, ...user];
    expect(() => template.render(messages)).toThrow(
      expect.objectContaining({ code: "INVALID_REQUEST", message: expect.stringMatching(/messages\[2\]: Take turns!/), cause: expect.objectContaining({ message: "Take turns!", line: 1 }) }),
    );
  });

  it("render tools, documents, parts, variables and a message to continue", () => {
    const template = new ChatTemplate(
      "{{ tools | length }}{{ documents[0].title }}{{ enable_thinking }}{% for m in messages %}<{{ m.content if m.content is string else m.content[0].text }}>{% endfor %}{{ 'A:' if add_generation_prompt }}",
    );
    const options = { tools: [{}, {}], documents: [{ title: "T" }], variables: { enable_thinking: false } };
    const parts = { role: "user", content: [{ type: "text", text: "Hi" }] };
    expect(template.render([parts], options)).toBe("2TFalse<Hi>A:");
    expect(template.render([parts, { role: "assistant", content: "Hello," }], { ...options, continueFinalMessage: true })).toBe("2TFalse<Hi><Hello,");
  });

  it("are told whether to think by the variable that they read, or refuse to be told", () => {
    const qwen = new ChatTemplate("{{ 'think' if enable_thinking is not defined or enable_thinking else 'answer' }}");
    expect([undefined, true, false].map((thinking) => qwen.render(user, { thinking }))).toEqual(["think", "think", "answer"]);
    const granite = new ChatTemplate("{% if thinking %}think{% endif %}{{ messages[0].thinking }}");
    expect([granite.render(user, { thinking: true }), granite.hasThinkingSwitch]).toEqual(["think", true]);
    const neither = new ChatTemplate("{{ messages[0].thinking }}{% if 'thinking' in messages[0] %}x{% endif %}");
    expect(neither.hasThinkingSwitch).toBe(false);
    expect(() => neither.render(user, { thinking: false })).toThrow(/no switch for thinking/);
  });

  it("render half characters, which become replacement characters when they are encoded", () => {
    const text = tokenizer.applyChatTemplate([{ role: "user", content: "a\uD83Cb" }]);
    expect(tokenizer.decode(tokenizer.encode(text), { skipSpecialTokens: false })).toContain("a\uFFFDb");
  });

  it("that would run without end are refused within a second, and the next rendering works", () => {
    const template = new ChatTemplate("{% for m in messages if m.content == 'loop' %}{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}{% endfor %}ok");
    expect(() => template.render([{ role: "user", content: "loop" }])).toThrow(InvalidRequestError);
    expect(template.render(user)).toBe("ok");
  });

  it("cannot be rendered with a place when a message lacks what the template reads", () => {
    const template = new ChatTemplate("{% for m in messages %}\n{{ m.content + 1 }}{% endfor %}");
    expect(() => template.render(user)).toThrow(/can only concatenate str .* \(line 2, column \d+ of the template\)/);
  });

  it("are found in a file of their own, by name, or not at all", () => {
    const base = { "tokenizer.json": JSON.stringify(minimal) };
    const config = (value: unknown) => JSON.stringify({ chat_template: value });
    const render = (files: Record<string, string>) =>
      inFolder({ ...base, ...files }, (path) => Tokenizer.load(path).applyChatTemplate(user));
    expect(render({ "chat_template.jinja": "own", "tokenizer_config.json": config("other") })).toBe("own");
    expect(render({ "tokenizer_config.json": config([{ name: "tool_use", template: "tools" }, { name: "default", template: "plain" }]) })).toBe("plain");
    expect(() => render({})).toThrow(/no chat template/);
    expect(() => render({ "tokenizer_config.json": config(5) })).toThrow(TokenizerError);
    expect(() => render({ "tokenizer_config.json": config("{% if %}") })).toThrow(/cannot be parsed/);
  });
});

describe("tokenizer files", () => {
  it("that are missing or damaged are named, with what to do", () => {
    const load = (files: Record<string, string>) => () => inFolder(files, (path) => Tokenizer.load(path));
    for (const [files, words] of [
      [{}, /has no tokenizer.json/],
      [{ "tokenizer.json": "{" }, /is not JSON/],
      [{ "tokenizer.json": "[]" }, /not a JSON object/],
      [{ "tokenizer.json": "{}" }, /cannot be used/],
      [{ "tokenizer.json": JSON.stringify(minimal), "tokenizer_config.json": "x" }, /is not JSON/],
    ] as const) {
      expect(load(files)).toThrow(words);
      expect(load(files)).toThrow(expect.objectContaining({ code: "TOKENIZER", hint: expect.any(String) }));
    }
  });

  it("whose vocabulary has holes give no text for them", () => {
    const holes = { ...minimal, model: { ...minimal.model, vocab: { a: 0, b: 5, ab: 9 } } };
    const { encode, decode } = inFolder({ "tokenizer.json": JSON.stringify(holes) }, (path) => {
      const loaded = Tokenizer.load(path);
      return { encode: (text: string) => Array.from(loaded.encode(text)), decode: (ids: number[]) => loaded.decode(ids) };
    });
    expect(encode("abb")).toEqual([9, 5]);
    expect(decode([9, 3, 100, 5])).toBe(decode([9, 5]));
  });

  it("whose vocabulary lacks a character fail instead of naming another token", () => {
    const load = (content: unknown) => inFolder({ "tokenizer.json": JSON.stringify(content) }, (path) => Tokenizer.load(path));
    expect(Array.from(load(minimal).encode("ab"))).toEqual([2]);
    const words = { ...minimal, model: { type: "WordPiece", vocab: { ab: 0 }, unk_token: "[UNK]", continuing_subword_prefix: "##", max_input_chars_per_word: 9 } };
    expect(() => load(words).encode("z")).toThrow(/no token for/);
  });
});

/** BPE over two letters. */
const minimal = {
  version: "1.0",
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  model: { type: "BPE", vocab: { a: 0, b: 1, ab: 2 }, merges: [["a", "b"]], unk_token: null, byte_fallback: false },
};
