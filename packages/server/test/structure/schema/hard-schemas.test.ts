import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { drawnAnswer, type Wish } from "../drawn-answer.js";

const text = { type: "string" };
const ajv = new Ajv2020({ strict: false, validateFormats: false, validateSchema: false });
const pattern = (source: string) => ({ type: "string", pattern: source });
const variant = (kind: string, more: object) => ({ type: "object", properties: { kind: { const: kind }, ...more }, required: ["kind"] });

/** Schemas under which a grammar that says a little too much lets answers through that are not valid. */
const schemas: Readonly<Record<string, object>> = {
  "a pattern of a quote, which JSON escapes": pattern('^"+$'),
  "a pattern of everything but a letter": pattern("^[^a]{1,40}$"),
  "a pattern of any characters around a sign": pattern("^[^@]{1,9}@[^@]{1,9}$"),
  "a pattern of words, spaces and digits": pattern(String.raw`^\w+\s\d$`),
  "a pattern that is not held to the ends": pattern("ab|c"),
  "a pattern that takes as little as it can": pattern("^a+?b??$"),
  "a pattern of a backslash and a line feed": pattern(String.raw`^\\\n$`),
  "a pattern of letters beyond ASCII": pattern("^[а-яё]{3,9}$"),
  "a pattern whose parts overlap": pattern("^(a|aa|ab*)*b$"),
  "a required property that is not described": { type: "object", properties: { a: text }, required: ["b"] },
  "one that is described for all others": { type: "object", required: ["b"], additionalProperties: { type: "integer" } },
  "others that are not those that are described": { type: "object", properties: { a: { type: "integer" }, ab: { type: "boolean" } }, additionalProperties: text, minProperties: 1 },
  "a number of others at most": { type: "object", properties: { a: text }, additionalProperties: true, maxProperties: 2 },
  "names by a pattern": { type: "object", patternProperties: { "^x-[a-z]+$": { type: "integer" } }, additionalProperties: false, minProperties: 1 },
  "values of which some have the type": { type: "string", enum: ["a", 1, null] },
  "several types, bounds for one": { type: ["integer", "null", "array"], minimum: 3, maximum: 5, maxItems: 1 },
  "fractions between 0 and 1": { type: "number", minimum: 0, maximum: 1 },
  "fractions without their bounds": { type: "number", exclusiveMinimum: -1.25, exclusiveMaximum: 2.5 },
  "fractions between two that are close": { type: "number", minimum: 0.105, maximum: 0.21 },
  "numbers below 0": { type: "number", maximum: -3 },
  "one of some that a property tells apart": { oneOf: [variant("a", { x: text }), variant("b", { x: { type: "integer" } })] },
  "one of some that a type tells apart": { oneOf: [text, { type: "integer" }, { type: "null" }] },
  "all of one": { allOf: [{ $ref: "#/$defs/a~1b%20c" }], $defs: { "a/b c": { type: "integer" } } },
  "a type beside alternatives": { type: "string", anyOf: [{ maxLength: 3 }, { enum: ["longer", 5] }] },
  "a list whose beginning is described": { type: "array", prefixItems: [text, { type: "integer" }], items: { type: "null" }, minItems: 1, maxItems: 4 },
  "a text between two lengths": { type: "string", minLength: 3, maxLength: 9 },
  "names of properties that JSON escapes": { type: "object", properties: { "": text, '"\\': text, "\n": { type: "integer" }, größe: text }, required: ['"\\', "\n", "größe"] },
  "a tree": { type: "object", properties: { leaves: { type: "array", items: { $ref: "#" } }, name: text }, required: ["name"] },
};

test.each(Object.entries(schemas))("%s: every answer is valid", async (_, schema) => {
  const isValid = ajv.compile(schema);
  for (let seed = 1; seed <= 8; seed++) {
    const answer = await drawnAnswer({ format: { schema } }, seed);
    expect({ answer, isValid: isValid(JSON.parse(answer)) }).toEqual({ answer, isValid: true });
  }
});

test("texts have the format that is asked for", async () => {
  const valid: Readonly<Record<string, (value: string) => boolean>> = {
    date: (value) => new Date(`${value}T00:00:00Z`).toISOString().startsWith(value),
    "date-time": (value) => !Number.isNaN(Date.parse(value)) && value.includes("T"),
    time: (value) => !Number.isNaN(Date.parse(`2000-01-01T${value}`)),
    email: (value) => /^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$/.test(value),
    hostname: (value) => new URL(`http://${value}x/`).hostname === `${value}x` && value.split(".").every((label) => label.length < 64),
    ipv4: (value) => new URL(`http://${value}/`).hostname === value,
    ipv6: (value) => new URL(`http://[${value}]/`).hostname.startsWith("["),
    uri: (value) => new URL(value).href.length > 0,
    uuid: (value) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value),
    duration: (value) => /^P(?=.)(\d+D)?(T(\d+[HMS])+)?$/.test(value),
  };
  // Those without a length would go on and on where tokens are drawn at random.
  const wished: Readonly<Record<string, string>> = { email: "ada.b@sub.example.org", uri: "https://example.org:8080/a/b?c=d#e", hostname: "a-b.example.org" };
  for (const [format, isValid] of Object.entries(valid)) {
    for (let seed = 1; seed <= 3; seed++) {
      const wish: Wish = (written) => (wished[format] === undefined ? undefined : `"${wished[format]}"`.slice(written.length));
      const value = JSON.parse(await drawnAnswer({ format: { schema: { type: "string", format } } }, seed, wish)) as string;
      expect({ format, value, isValid: isValid(value) }).toEqual({ format, value: wished[format] ?? value, isValid: true });
    }
  }
});
