import { randomSchema, signedRandom } from "@elastic-attention/fixtures";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { AnswerText } from "../../src/answer/answer-text.js";
import { blocksOf } from "../../src/answer/answer-blocks.js";
import { type CallFormName, callForm } from "../../src/answer/tool-calls/call-form.js";
import { drawnAnswer, type Wish } from "./drawn-answer.js";

const forms: readonly CallFormName[] = ["hermes", "mistral", "mistral-named", "llama"];
const weather = { name: "weather", schema: { type: "object", properties: { city: { enum: ["Oslo", "Rome"] }, days: { type: "integer", minimum: 1, maximum: 9 } }, required: ["city", "days"], additionalProperties: false } };
const clock = { name: "clock-2.0", schema: { type: "object", properties: {}, additionalProperties: false } };

/** What an answer's text is taken apart to, character by character. */
function read(text: string, form: CallFormName, opensThinking = false) {
  const answer = new AnswerText({ tools: new Set(["any"]), heldForm: callForm(form), opensThinking, splitsThoughts: true });
  return blocksOf([...text.split("").flatMap((character) => answer.push(character)), ...answer.end()]);
}

function callsIn(text: string, form: CallFormName, opensThinking = false) {
  return read(text, form, opensThinking).flatMap((block) => (block.type === "tool-call" ? [{ name: block.call.name, settings: JSON.parse(block.call.arguments) as unknown }] : []));
}

/** Wishes for a text from its beginning. */
const wishFor = (text: string): Wish => (written) => (text.startsWith(written) && written.length < text.length ? text.slice(written.length) : undefined);

describe.each(forms)("calls in the form of %s", (form) => {
  test("that have to come are all there is, and fit their tools", async () => {
    const ajv = new Ajv2020({ strict: false });
    for (let seed = 1; seed <= 12; seed++) {
      const schema = randomSchema(signedRandom(seed));
      const tools = [{ name: "random", schema }, clock];
      const text = await drawnAnswer({ calls: { form, tools, required: true, parallel: seed % 2 === 0 } }, seed);
      const calls = callsIn(text, form);
      expect(calls.length, `wrote ${text}`).toBeGreaterThan(0);
      if (seed % 2 === 1) expect(calls.length, `wrote ${text}`).toBe(1);
      for (const { name, settings } of calls) {
        if (name === "random") expect(ajv.compile(schema)(settings), `${JSON.stringify(schema)}\n${text}`).toBe(true);
        else expect([name, settings]).toEqual([clock.name, {}]);
      }
      expect(read(text, form).every(({ type }) => type === "tool-call"), `wrote ${text}`).toBe(true);
    }
  });

  test("that begin in free text are held to their schemas; what is no call is free", async () => {
    const { opener, list, head } = callForm(form);
    const begun = `${opener}${list?.open ?? ""}${head("weather")}`;
    const before = opener === "" ? "" : "Let me {see}.\t ";
    const calls = { form, tools: [weather], required: false, parallel: true };
    for (let seed = 1; seed <= 5; seed++) {
      const text = await drawnAnswer({ calls }, seed, wishFor(before + begun));
      const [first] = callsIn(text, form);
      expect(first, `wrote ${text}`).toMatchObject({ name: "weather", settings: { city: expect.stringMatching(/^(Oslo|Rome)$/) as string } });
      expect(text.startsWith(before)).toBe(true);
    }
    const free = "No <tool> call [TOOL] is made.\t";
    expect((await drawnAnswer({ calls }, 3, (written) => (written.length < free.length ? free.slice(written.length) : "<|end|>"))).startsWith(free)).toBe(true);
  });

  test("that are not parallel end the answer", async () => {
    const { opener, list, head } = callForm(form);
    const begun = `${opener}${list?.open ?? ""}${head("clock-2.0")}`;
    const text = await drawnAnswer({ calls: { form, tools: [clock], required: false, parallel: false } }, 4, wishFor(begun));
    expect(callsIn(text, form)).toEqual([{ name: clock.name, settings: {} }]);
  });
});

test("thoughts that the prompt has opened are free, and end before what is held", async () => {
  const thoughts = "I call <tool_call> or write {. ";
  const wish: Wish = (written) => (written.includes("</think>") ? undefined : written.length < thoughts.length ? thoughts.slice(written.length) : `${thoughts}</think>`.slice(written.length));
  for (const options of [{ calls: { form: "hermes", tools: [clock], required: true, parallel: false } }, { format: { schema: clock.schema } }]) {
    const text = await drawnAnswer({ thinks: true, ...options }, 5, wish);
    expect(text.startsWith(`${thoughts}</think>`), `wrote ${text}`).toBe(true);
    const rest = text.slice(text.indexOf("</think>") + "</think>".length);
    if (options.calls !== undefined) expect(callsIn(text, "hermes", true)).toEqual([{ name: clock.name, settings: {} }]);
    else expect(JSON.parse(rest)).toEqual({});
  }
});

test("an answer that may call or has to be JSON does one of them", async () => {
  const options = { format: { schema: weather.schema }, calls: { form: "hermes", tools: [clock], required: false, parallel: false } };
  expect(JSON.parse(await drawnAnswer(options, 1, wishFor("{")))).toMatchObject({ city: expect.any(String) as string });
  expect(callsIn(await drawnAnswer(options, 2, wishFor("<tool_call>")), "hermes")).toEqual([{ name: clock.name, settings: {} }]);
});
