import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { AnswerText } from "../../src/answer/answer-text.js";
import { blocksOf } from "../../src/answer/answer-blocks.js";
import { callForm } from "../../src/answer/tool-calls/call-form.js";
import { drawnAnswer, type Wish } from "./drawn-answer.js";

const ajv = new Ajv2020({ strict: false });
const limited = (maxLength: number) => ({ type: "string", maxLength });

/** A model that never ends a text by itself, and likes what takes more than one byte, or an escape. */
const endless: Wish = (written) => {
  const inText = (written.replaceAll(/\\./g, "").split('"').length - 1) % 2 === 1;
  return inText ? ["größe ", 'x\\"y\\\\', "der Wal 🐋 "][written.length % 3] : undefined;
};

const schemas: Readonly<Record<string, object>> = {
  "a text": limited(50),
  "several texts, each with its own": { type: "object", properties: { short: limited(40), long: limited(120), list: { type: "array", items: limited(35), maxItems: 2 } }, required: ["short", "long", "list"] },
  "a pattern of any characters": { type: "string", pattern: "^.{1,60}$" },
  "texts of alternatives": { anyOf: [{ type: "object", properties: { a: limited(40) }, required: ["a"] }, { type: "object", properties: { b: limited(70) }, required: ["b"] }] },
  "a text that is referred to": { type: "object", properties: { größe: { $ref: "#/$defs/short" } }, required: ["größe"], $defs: { short: limited(45) } },
  "properties by a pattern": { type: "object", patternProperties: { "^[a-z]{1,5}$": limited(50) }, additionalProperties: false, minProperties: 1 },
};

test.each(Object.entries(schemas))("%s: no text goes beyond its limit, however much a model has to say", async (_, schema) => {
  const isValid = ajv.compile(schema);
  for (let seed = 1; seed <= 6; seed++) {
    const answer = await drawnAnswer({ format: { schema } }, seed, endless);
    expect({ answer, isValid: isValid(JSON.parse(answer)) }).toEqual({ answer, isValid: true });
  }
});

test("the texts of calls keep to their limits, each tool to its own", async () => {
  const tool = (name: string, maxLength: number) => ({ name, schema: { type: "object", properties: { text: limited(maxLength) }, required: ["text"], additionalProperties: false } });
  const tools = [tool("short", 40), tool("long", 90)];
  const isValid = Object.fromEntries(tools.map(({ name, schema }) => [name, ajv.compile(schema)]));
  for (const form of ["hermes", "mistral", "llama"] as const) {
    for (let seed = 1; seed <= 4; seed++) {
      const text = await drawnAnswer({ calls: { form, tools, required: true, parallel: true } }, seed, endless);
      const reader = new AnswerText({ tools: new Set(["any"]), heldForm: callForm(form), opensThinking: false, splitsThoughts: true });
      const calls = blocksOf([...reader.push(text), ...reader.end()]).flatMap((block) => (block.type === "tool-call" ? [block.call] : []));
      expect(calls.length).toBeGreaterThan(0);
      for (const { name, arguments: given } of calls) expect({ name, given, isValid: isValid[name]!(JSON.parse(given)) }).toEqual({ name, given, isValid: true });
    }
  }
});
