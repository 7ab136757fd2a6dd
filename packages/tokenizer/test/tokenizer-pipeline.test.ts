import { describe, expect, it } from "vitest";
import { TokenizerError } from "@elastic-attention/core";
import { TokenizerPipeline, TokenLimitError } from "../src/index.js";
import { readGzip, shared } from "./golden.js";
import { timeTaken } from "@elastic-attention/fixtures";
import { addedToken, description, split } from "./pipelines.js";

const ids = (tokenizer: TokenizerPipeline, text: string): number[] => Array.from(tokenizer.encode(text));

describe("a tokenizer pipeline", () => {
  it("gives added tokens the next free ids, whatever the file says", () => {
    const tokenizer = new TokenizerPipeline(
      description({ model: { type: "WordLevel", vocab: { "<unk>": 0, a: 5, b: 9 }, unk_token: "<unk>" }, added_tokens: [addedToken("X", { id: 10 }), addedToken("Y", { id: 20 }), addedToken("b")] }),
    );
    expect(["X", "Y", "b"].map((token) => tokenizer.tokenId(token))).toEqual([3, 4, 9]);
    expect([tokenizer.token(3), tokenizer.token(10), tokenizer.decode([3, 77, 5])]).toEqual(["X", undefined, "X a"]);
  });

  it("adds tokens that only the configuration names", () => {
    const config = { added_tokens_decoder: { "6": { content: "<b>", special: true }, "5": { content: "<a>" } }, eos_token: { content: "</s>" }, pad_token: "<pad>", additional_special_tokens: ["<c>"] };
    const tokenizer = new TokenizerPipeline(description(), config);
    expect(["<a>", "<b>", "</s>", "<pad>", "<c>"].map((token) => tokenizer.tokenId(token))).toEqual([5, 6, 4, 7, 8]);
    expect(ids(tokenizer, "a<a>b</s><c>")).toEqual([1, 5, 2, 4, 8]);
    expect([...tokenizer.specialTokens.keys()].toSorted((one, other) => one - other)).toEqual([4, 6, 7, 8]);
  });

  it.each([
    [{ add_bos_token: true }, [3, 1, 4]],
    [{ add_bos_token: true, add_eos_token: false }, [3, 1]],
    [{ add_bos_token: false, add_eos_token: true }, [1, 4]],
    [{}, [1, 4]],
  ])("puts begin and end tokens where the configuration says so: %j", (settings, expected) => {
    const post = { type: "TemplateProcessing", single: [{ Sequence: { id: "A", type_id: 0 } }, { SpecialToken: { id: "</s>", type_id: 0 } }], special_tokens: { "</s>": { id: "</s>", ids: [4], tokens: ["</s>"] } } };
    const tokenizer = new TokenizerPipeline(description({ post_processor: post }), { bos_token: "<s>", eos_token: "</s>", ...settings });
    expect(ids(tokenizer, "a")).toEqual(expected);
  });

  it("refuses to add a begin token that no one names", () => {
    expect(() => new TokenizerPipeline(description(), { add_bos_token: true })).toThrow(TokenizerError);
  });

  it("takes half a character as U+FFFD", () => {
    const tokenizer = new TokenizerPipeline(description({ model: { type: "WordLevel", vocab: { "a\uFFFD": 1, "?": 0 }, unk_token: "?" } }));
    expect(ids(tokenizer, "a\uD83D")).toEqual([1]);
  });

  it("refuses a text with more tokens than wanted as soon as that is known", () => {
    const letters = Object.fromEntries(Array.from("abcdefghijklmnopqrstuvwxyz ", (letter, id) => [letter, id]));
    const tokenizer = new TokenizerPipeline(description({ model: { type: "BPE", vocab: letters, merges: [], unk_token: null } }));
    const text = "many words ".repeat(1_000_000);
    expect(timeTaken(() => expect(() => tokenizer.encode(text, { limit: 4096 })).toThrow(TokenLimitError))).toBeLessThan(1000);
    expect(tokenizer.encode("abc", { limit: 3 })).toHaveLength(3);
    expect(() => tokenizer.encode("abcd", { limit: 3 })).toThrow(/more than 3 tokens/);
  });

  it("takes a million spaces in two seconds", () => {
    const spaces = { " ": 0, "  ": 1, "    ": 2, x: 3 };
    const tokenizer = new TokenizerPipeline(
      description({ pre_tokenizer: split("\\s+(?!\\S)|\\s+|\\S+"), model: { type: "BPE", vocab: spaces, merges: [[" ", " "], ["  ", "  "]] } }),
    );
    const text = `${" ".repeat(1_000_001)}x`;
    expect(timeTaken(() => expect(tokenizer.encode(text)).toHaveLength(250_002))).toBeLessThan(2000);
  });
});

const smollm2 = shared === undefined ? undefined : shared;

it.skipIf(smollm2 === undefined)("SmolLM2's texts have the ids of its own tokenizer", async () => {
  const { readFileSync } = await import("node:fs");
  const tokenizer = new TokenizerPipeline(readGzip(`${smollm2}fixtures/text/tokenizers/smollm2/tokenizer.json.gz`));
  const rows = (JSON.parse(readFileSync(`${smollm2}data/smollm2/tokens.json`, "utf8")) as { cases?: { text: string; ids: number[] }[] }).cases!;
  for (const { text, ids: expected } of rows) expect(Array.from(tokenizer.encode(text, { addSpecialTokens: false }))).toEqual(expected);
});
