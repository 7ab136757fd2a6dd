import { randomSchema, signedRandom } from "@elastic-attention/fixtures";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { schemaGrammar } from "../../src/structure/schema/schema-grammar.js";
import { answerConstraint } from "../../src/structure/answer-constraint.js";
import { context, drawnAnswer, end, isAllowed, tokenizer, vocabularySize } from "./drawn-answer.js";

const randomAnswer = (schema: object | undefined, seed: number) => drawnAnswer(schema === undefined ? {} : { format: { schema } }, seed);

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
    const constraint = await answerConstraint({}, context);
    const mask = constraint.nextMask()!;
    for (let id = 0; id < vocabularySize; id++) if (tokenizer.isSpecial(id)) expect(isAllowed(mask, id)).toBe(false);
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
    ["of integers between bounds that leave none", { type: "integer", minimum: 3, exclusiveMaximum: 3 }, "no integer"],
    ["with keywords beside an enumeration, which would overlook them", { enum: ["a", "bcd"], maxLength: 1 }, "#/maxLength"],
    ["with bounds that leave no number", { type: "number", exclusiveMinimum: 1, maximum: 1 }, "#/maximum"],
    ["of alternatives of which one alone may hold, and two could", { oneOf: [{ type: "integer" }, { type: "number" }] }, "#/oneOf/1"],
    ["that refers to somewhere else", { $ref: "https://example.org/schema" }, "#/$ref"],
    ["with a pattern whose repetitions multiply", { type: "string", pattern: "^(a{1,1000}){1,1000}$" }, "#/pattern"],
    ["with a pattern that can be read in too many ways", { type: "string", pattern: "^[ab]*a[ab]{12}$" }, "#/pattern"],
    ["with a pattern that looks around", { type: "string", pattern: "(?=a)b" }, "#/pattern"],
    ["of 10 000 properties", { type: "object", properties: Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`p${index}`, { type: "string" }])) }, "characters at most"],
    ["that nests without end", deep(40), "deep at most"],
    ["that is itself", { $ref: "#" }, "needs itself"],
    ["that needs itself", { type: "object", properties: { a: { $ref: "#" } }, required: ["a"] }, "needs itself"],
    ["that refers to nothing", { $ref: "#/$defs/none" }, "no schema at"],
    ["with a type that there is not", { type: "text" }, "#/type"],
    ["of lists that are long and short", { type: "array", minItems: 3, maxItems: 2 }, "#/minItems"],
    ["of a list that is too long to be needed", { type: "array", minItems: 100_000 }, "#/minItems"],
    ["of a value that is not of its type", { type: "string", const: 5 }, "#/const"],
    ["that requires a property that may not be", { type: "object", required: ["a"], additionalProperties: false }, "#/additionalProperties"],
    ["that is a text", { properties: { a: "string" } }, "#/properties/a"],
  ])("%s is refused by name", (_, schema, words) => {
    expect(() => schemaGrammar(schema)).toThrow(words);
  });

  test("that refers to itself is followed", async () => {
    const schema = { $ref: "#/$defs/node", $defs: { node: { type: "object", properties: { value: { type: "integer" }, next: { $ref: "#/$defs/node" } }, required: ["value"] } } };
    const text = await randomAnswer(schema, 3);
    expect((JSON.parse(text) as { value: number }).value).toBeTypeOf("number");
  });

  test.each(["^(a+)+$", "^(a{1,9}){1,9}$", "^(a|b|ab)*(c|abc)*$", "^(x*)*y$", "^(.*a){20}$", "^.*.*.*.*.*.*.*x$"])("with the pattern %s, at which other machines explode, is ready within seconds", async (pattern) => {
    const begun = performance.now();
    const constraint = await answerConstraint({ format: { schema: { type: "string", pattern } } }, context);
    expect(constraint.nextMask()).toBeDefined();
    constraint.dispose?.();
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
});
