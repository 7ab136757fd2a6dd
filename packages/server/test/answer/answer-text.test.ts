import { describe, expect, test } from "vitest";
import * as fc from "fast-check";
import { blocksOf } from "../../src/answer/answer-blocks.js";
import type { AnswerPart } from "../../src/answer/answer-event.js";
import { AnswerText, type AnswerTextOptions } from "../../src/answer/answer-text.js";

const chat: AnswerTextOptions = { tools: new Set(["weather"]), opensThinking: false, splitsThoughts: true };

/** What comes of a text that is cut at some places: thoughts, text, calls. */
function taken(text: string, cuts: readonly number[] = [], options: Partial<AnswerTextOptions> = {}) {
  const answer = new AnswerText({ ...chat, ...options });
  const places = [0, ...cuts.map((cut) => cut % (text.length + 1)).toSorted((a, b) => a - b), text.length];
  const parts: AnswerPart[] = [];
  for (let index = 1; index < places.length; index++) parts.push(...answer.push(text.slice(places[index - 1], places[index])));
  parts.push(...answer.end());
  const of = (type: "text" | "reasoning") => parts.map((part) => (part.type === type ? part.text : "")).join("");
  const calls = blocksOf(parts).flatMap((block) => (block.type === "tool-call" ? [block.call] : []));
  return { text: of("text"), reasoning: of("reasoning").trimEnd(), calls };
}

const call = '{"name": "weather", "arguments": {"city": "Oslo"}}';
const oslo = { name: "weather", arguments: '{"city":"Oslo"}' };

describe("calls of tools", () => {
  test.each([
    ["of Qwen and Hermes", `<tool_call>\n${call}\n</tool_call>`],
    ["of Mistral", `[TOOL_CALLS][${call}]`],
    ["of newer Mistral models", '[TOOL_CALLS]weather[ARGS]{"city": "Oslo"}'],
    ["of Llama", '{"name": "weather", "parameters": {"city": "Oslo"}}'],
    ["of Llama behind its marker", '<|python_tag|>{"name": "weather", "parameters": {"city": "Oslo"}}'],
    ["in OpenAI's form", '{"type": "function", "function": {"name": "weather", "arguments": "{\\"city\\": \\"Oslo\\"}"}}'],
  ])("%s are read, wherever the text is cut", (_, text) => {
    fc.assert(
      fc.property(fc.array(fc.nat(200), { maxLength: 8 }), (cuts) => {
        const { calls, text: rest } = taken(text, cuts);
        expect(calls).toMatchObject([oslo]);
        expect(rest).toBe("");
      }),
      { numRuns: 100 },
    );
  });

  test("may be several, behind thoughts and text", () => {
    const { calls, text, reasoning } = taken(`<think>\nHm.\n</think>\n\nLet me look.\n<tool_call>${call}</tool_call>\n<tool_call>${call}</tool_call>\n`);
    expect([reasoning, text]).toEqual(["\nHm.".trim(), "Let me look."]);
    expect(calls.map(({ index }) => index)).toEqual([0, 1]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
  });

  test("have ids of nine letters where Mistral's template wants them", () => {
    expect(taken(`[TOOL_CALLS][${call}]`).calls[0]!.id).toMatch(/^[A-Za-z0-9]{9}$/);
  });

  test("that are damaged stay text, and so does everything where no tools were given", () => {
    for (const text of ["<tool_call>{broken</tool_call>", '<tool_call>{"name": 3}</tool_call>', "[TOOL_CALLS]nothing"]) expect(taken(text)).toMatchObject({ text, calls: [] });
    const marked = `<tool_call>${call}</tool_call>`;
    expect(taken(marked, [], { tools: new Set() })).toMatchObject({ text: marked, calls: [] });
  });

  test("without a marker are told from other JSON by the name of a tool", () => {
    for (const text of ['{"name": "Ishmael", "parameters": {}}', '{"answer": 42}', "{ not JSON"]) expect(taken(text)).toMatchObject({ text, calls: [] });
  });
});

describe("thoughts", () => {
  test("are told from the answer, also where the prompt opened them", () => {
    expect(taken("<think>\nA.\n</think>\n\nB.")).toMatchObject({ reasoning: "A.", text: "B." });
    expect(taken("A.\n</think>\n\nB.", [], { opensThinking: true })).toMatchObject({ reasoning: "A.", text: "B." });
    expect(taken("<think>never closed")).toMatchObject({ reasoning: "never closed", text: "" });
    expect(taken("I <think> so.")).toMatchObject({ reasoning: "", text: "I <think> so." });
  });
});

test("nothing of a text is lost or changed, however it is cut", () => {
  const pieces = fc.constantFrom("a", " ", "\n", "<", "</th", "<tool", "_call", ">", "{", '"', "[TOOL", "é", "😀");
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 20 }), fc.array(fc.nat(60), { maxLength: 6 }), (words, cuts) => {
      const text = words.join("");
      fc.pre(!/<think>|<tool_call>|\[TOOL_CALLS\]/.test(text));
      expect(taken(text, cuts).text).toBe(text);
      expect(taken(text, cuts, { tools: new Set(), splitsThoughts: false }).text).toBe(text);
    }),
    { numRuns: 300 },
  );
});
