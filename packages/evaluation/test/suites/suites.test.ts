import { expect, test } from "vitest";
import { nearestName } from "@elastic-attention/core";
import { type EvaluationTokenizer, findSuite, sampleText, sampleTokens } from "../../src/index.js";
import { demoTokenizer, plainTokenizer } from "../demo-tokenizer.js";

test("an unknown suite is refused", () => {
  expect(() => findSuite("rulr")).toThrow('There is no suite called "rulr".');
});

test("the nearest name is the one with the fewest changed letters, if any is near", () => {
  const known = ["niah_single_1", "niah_multikey_1", "vt", "qa_1"];
  expect(nearestName("niah_singel_1", known)).toBe("niah_single_1");
  expect(nearestName("NIAH_MULTIKEY_2", known)).toBe("niah_multikey_1");
  expect(nearestName("completely different", known)).toBeUndefined();
});

test("a conversation needs a chat template; an answer prefix loses its space behind a line break", () => {
  const sample = { id: "one", task: "t", category: "c", lengthBucket: "1", maxNewTokens: 1, references: [], metadata: {}, answerPrefix: " The answer is" };
  const messages = [{ role: "user" as const, content: "Question?" }];
  expect(sampleText({ ...sample, messages }, demoTokenizer())).toBe("<|bos|><|user|>\nQuestion?<|end|>\n<|assistant|>\nThe answer is");
  expect(sampleText({ ...sample, prompt: "Question?" }, demoTokenizer())).toBe("Question? The answer is");
  expect(() => sampleText({ ...sample, messages }, plainTokenizer())).toThrow("the tokenizer has no chat template");
  const thinking: EvaluationTokenizer = {
    ...plainTokenizer(),
    hasChatTemplate: true,
    applyChatTemplate: (_, options) => (options?.variables?.["enable_thinking"] === false ? "<think>\n\n</think>\n\n" : "<think>\n"),
  };
  expect(sampleText({ ...sample, messages }, thinking)).toBe("<think>\n\n</think>\n\nThe answer is");
  const tokens = Int32Array.of(1, 2, 3);
  expect(sampleTokens({ ...sample, tokens }, demoTokenizer())).toBe(tokens);
});
