import { demoModelDirectory } from "@elastic-attention/demo-model";
import { signedRandom } from "@elastic-attention/fixtures";
import { Tokenizer } from "@elastic-attention/generation";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { checkSchema } from "../../src/structure/check-schema.js";
import { jsonConstraint } from "../../src/structure/json-constraint.js";
import { randomSchema } from "./random-schema.js";

const tokenizer = Tokenizer.load(demoModelDirectory());
const vocabularySize = 4096;
const end = 1;
const context = { tokenizer, vocabularySize, endOfText: new Set([end]) };
/** Tokens that help an answer to its end. */
const closing = new Set(Array.from({ length: vocabularySize }, (_, id) => id).filter((id) => id === end || /^["}\]]+$/.test(tokenizer.token(id) ?? "")));

/** An answer of random tokens among those that are allowed, which ends as soon as it may now and then. */
async function randomAnswer(schema: object | undefined, seed: number): Promise<string> {
  const random = signedRandom(seed);
  const constraint = await jsonConstraint(schema === undefined ? undefined : { schema }, context);
  const ids: number[] = [];
  try {
    while (!constraint.done) {
      if (ids.length > 3000) throw new Error("The answer does not end.");
      const mask = constraint.nextMask()!;
      const allowed = Array.from({ length: vocabularySize }, (_, id) => id).filter((id) => ((mask[id >> 5]! >>> (id & 31)) & 1) === 1);
      const ends = allowed.filter((id) => closing.has(id));
      const among = ends.length > 0 && random() > -0.2 ? ends : allowed;
      const id = among[Math.floor(((random() + 1) / 2) * among.length) % among.length]!;
      expect(id).not.toBeUndefined();
      constraint.accept(id);
      if (id !== end) ids.push(id);
      // As an engine does between two steps.
      await Promise.resolve().then(() => {});
      await new Promise(setImmediate);
    }
  } finally {
    constraint.dispose?.();
  }
  return tokenizer.decode(ids);
}

describe("an answer under a schema", () => {
  test("parses and is valid, whatever the model would like to write: 200 random schemas", async () => {
    const ajv = new Ajv2020({ strict: false });
    for (let seed = 1; seed <= 200; seed++) {
      const schema = randomSchema(signedRandom(seed));
      const text = await randomAnswer(schema, seed);
      const isValid = ajv.compile(schema);
      expect(isValid(JSON.parse(text)), `${JSON.stringify(schema)}\n${text}`).toBe(true);
    }
  }, 240_000);

  test("is any object where there is no schema, and never holds a special token", async () => {
    const text = await randomAnswer(undefined, 7);
    expect(JSON.parse(text)).toBeTypeOf("object");
    const constraint = await jsonConstraint({}, context);
    const mask = constraint.nextMask()!;
    for (let id = 0; id < vocabularySize; id++) if (tokenizer.isSpecial(id)) expect((mask[id >> 5]! >>> (id & 31)) & 1).toBe(0);
    expect(() => constraint.accept(end)).toThrow("does not take token");
    constraint.dispose?.();
  });
});

describe("a schema", () => {
  const deep = (levels: number): object => (levels === 0 ? { type: "string" } : { type: "array", items: deep(levels - 1) });
  test.each<[string, object, string]>([
    ["that no grammar can hold to", { type: "object", properties: { a: { not: { type: "string" } } } }, "#/properties/a/not"],
    ["of unique items", { type: "array", uniqueItems: true }, "#/uniqueItems"],
    ["of multiples", { type: "integer", multipleOf: 5 }, "#/multipleOf"],
    ["with bounds of a fraction", { type: "number", maximum: 1 }, "#/maximum"],
    ["of alternatives of which one alone may hold", { oneOf: [{ type: "string" }] }, "#/oneOf"],
    ["that refers to somewhere else", { $ref: "https://example.org/schema" }, "#/$ref"],
    ["with a pattern that looks around", { type: "string", pattern: "(?=a)b" }, "#/pattern"],
    ["of 10 000 properties", { type: "object", properties: Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`p${index}`, { type: "string" }])) }, "keywords at most"],
    ["that nests without end", deep(40), "deep at most"],
    ["that is a text", { properties: { a: "string" } }, "#/properties/a"],
  ])("%s is refused by name", (_, schema, words) => {
    expect(() => checkSchema(schema)).toThrow(words);
  });

  test("that refers to itself is followed", async () => {
    const schema = { $ref: "#/$defs/node", $defs: { node: { type: "object", properties: { value: { type: "integer" }, next: { $ref: "#/$defs/node" } }, required: ["value"] } } };
    const text = await randomAnswer(schema, 3);
    expect((JSON.parse(text) as { value: number }).value).toBeTypeOf("number");
  });
});
