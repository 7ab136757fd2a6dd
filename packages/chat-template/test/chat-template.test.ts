import { describe, expect, it } from "vitest";
import { ChatTemplate, parseJson, PythonFloat, TemplateError, TemplateInputError, TemplateLimitError, TemplateRaisedError, TemplateRuntimeError, TemplateSyntaxError } from "../src/index.js";
import { timeTaken } from "@elastic-attention/fixtures";

const user = { role: "user", content: "Hi" };

function thrown(run: () => unknown): TemplateError {
  try {
    run();
  } catch (error) {
    if (TemplateError.isInstance(error)) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("what is done around a template", () => {
  const show = new ChatTemplate("{{ messages }}|{{ tools }}|{{ documents }}|{{ add_generation_prompt }}");

  it("keys of a message that are null are dropped, and tools and documents are None when they are not given", () => {
    expect(show.render([{ ...user, name: null, nested: { kept: null } }])).toBe("[{'role': 'user', 'content': 'Hi', 'nested': {'kept': None}}]|None|None|False");
  });

  it.each(["reasoning_content", "thinking", "reasoning"])("reasoning under %s is found under both names that templates use", (key) => {
    const template = new ChatTemplate("{{ messages[0].reasoning_content }},{{ messages[0].thinking }}");
    expect(template.render([{ role: "assistant", content: "", [key]: "why" }])).toBe("why,why");
  });

  it("nothing of the caller's is changed", () => {
    const messages = [{ role: "assistant", content: [{ type: "text", text: "One," }], thinking: "x", name: null }];
    const before = structuredClone(messages);
    new ChatTemplate("{{ messages[0].content[0].text }}").render(messages, { continueFinalMessage: true });
    expect(messages).toEqual(before);
  });

  it("a continued message ends where its text ends, also when the template trims it or writes something behind it", () => {
    const template = new ChatTemplate("{% for m in messages %}<{{ m.content | trim }}>{% endfor %}");
    expect(template.render([user, { role: "assistant", content: "One, " }], { continueFinalMessage: true })).toBe("<Hi><One,");
  });

  it("a message that the template leaves out cannot be continued", () => {
    const template = new ChatTemplate("{{ messages[0].content }}");
    expect(thrown(() => template.render([user, { role: "assistant", content: "One" }], { continueFinalMessage: true })).message).toContain("cannot be continued");
    expect(thrown(() => template.render([user], { continueFinalMessage: true, addGenerationPrompt: true }))).toBeInstanceOf(TemplateInputError);
    expect(thrown(() => template.render([], { continueFinalMessage: true }))).toBeInstanceOf(TemplateInputError);
    expect(thrown(() => template.render([{ role: "user", content: [{ type: "image" }] }], { continueFinalMessage: true }))).toBeInstanceOf(TemplateInputError);
  });

  it("variables of a rendering override the template's own, and those with an option of their own are refused", () => {
    const template = new ChatTemplate("{{ bos_token }}{{ eos_token }}", { variables: { bos_token: "<s>", eos_token: "</s>" } });
    expect(template.render([user], { variables: { eos_token: "." } })).toBe("<s>.");
    for (const name of ["messages", "tools", "documents", "add_generation_prompt"]) {
      expect(thrown(() => template.render([user], { variables: { [name]: [] } })).message).toContain(name);
    }
  });
});

describe("values", () => {
  const show = (value: unknown) => new ChatTemplate("{{ v }} {{ v | tojson }}").render([], { variables: { v: value } });

  it("numbers of JavaScript that are integers are int; a PythonFloat, parseJson and bigint tell more", () => {
    expect(show([2, 2.5, -0, 1e21, new PythonFloat(2), 12345678901234567890n, 5n])).toBe(
      "[2, 2.5, 0, 1e+21, 2.0, 12345678901234567890, 5] [2, 2.5, 0, 1e+21, 2.0, 12345678901234567890, 5]",
    );
    expect(show(parseJson('{"2": 2.0, "1": 1e2, "n": 123456789012345678901234567890, "__proto__": [-0.0, 1E5]}'))).toBe(
      `{'2': 2.0, '1': 100.0, 'n': 123456789012345678901234567890, '__proto__': [-0.0, 100000.0]} {"2": 2.0, "1": 100.0, "n": 123456789012345678901234567890, "__proto__": [-0.0, 100000.0]}`,
    );
  });

  it("properties that are undefined do not exist, in a list undefined is None", () => {
    expect(show({ a: undefined, b: [undefined], c: null })).toBe(`{'b': [None], 'c': None} {"b": [null], "c": null}`);
  });

  it("lone surrogates come through, and count as one character", () => {
    expect(new ChatTemplate("{{ v | length }}{{ v[1] }}").render([], { variables: { v: "a\ud800b" } })).toBe("3\ud800");
  });

  it("maps are dicts, and keys of other types stay what they are", () => {
    expect(show(new Map<unknown, unknown>([[1, "a"], ["1", "b"], [true, "c"], [null, "d"]]))).toBe(`{1: 'c', '1': 'b', None: 'd'} {"1": "c", "1": "b", "null": "d"}`);
  });

  it.each([
    ["a function", () => 1],
    ["a symbol", Symbol("x")],
    ["an instance", new Date()],
    ["a promise", Promise.resolve(1)],
  ])("%s is refused with its place", (_, value) => {
    const error = thrown(() => show({ deep: [value] }));
    expect(error).toBeInstanceOf(TemplateInputError);
    expect(error.message).toContain("v.deep[0]");
  });

  it("cycles and deep nesting are refused, the same object twice is not", () => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = [cycle];
    expect(thrown(() => show(cycle)).message).toContain("holds itself");
    let deep: unknown = 1;
    for (let level = 0; level < 100_000; level++) deep = [deep];
    expect(thrown(() => show(deep))).toBeInstanceOf(TemplateInputError);
    const shared = { a: 1 };
    expect(show([shared, shared])).toBe(`[{'a': 1}, {'a': 1}] [{"a": 1}, {"a": 1}]`);
  });

  it("messages that are no objects are refused by their number", () => {
    const template = new ChatTemplate("x");
    expect(thrown(() => template.render([user, "Hello"])).message).toContain("messages[1]");
    expect(thrown(() => template.render("Hello" as never)).message).toContain("messages");
  });

  it.each(["", "{", "[1,]", "{'a': 1}", '{"a" 1}', "01", "1.", "nul", '"\u0001"', '"\\x"', "[1] 2", "NaN"])("parseJson refuses %j", (text) => {
    expect(thrown(() => parseJson(text))).toBeInstanceOf(TemplateInputError);
  });
});

describe("errors", () => {
  it("a template's own words come through word for word", () => {
    const error = thrown(() => new ChatTemplate("\n  {{ raise_exception('Only ' ~ 1 ~ ' system message!') }}").render([user]));
    expect(error).toBeInstanceOf(TemplateRaisedError);
    expect(error).toMatchObject({ message: "Only 1 system message!", code: "template_raised", line: 2, column: 21 });
    expect(error.hint).toBeTruthy();
  });

  it("a syntax error names its place, counted as editors count lines", () => {
    const error = thrown(() => new ChatTemplate("one\r\ntwo {{ 1 + }}"));
    expect(error).toBeInstanceOf(TemplateSyntaxError);
    expect(error).toMatchObject({ code: "template_syntax", line: 2, column: 12 });
  });

  it("a runtime error names its place and what Python would raise", () => {
    const error = thrown(() => new ChatTemplate("{% for m in messages %}\n{{ m.content + m.missing.deeper }}{% endfor %}").render([user]));
    expect(error).toBeInstanceOf(TemplateRuntimeError);
    expect(error).toMatchObject({ code: "template_runtime", pythonType: "UndefinedError", line: 2, message: "'dict object' has no attribute 'missing'" });
  });

  it("errors of another copy of the package are recognised", () => {
    const other = Object.assign(new Error("x"), { [Symbol.for("elastic-attention.chat-template.error")]: "template_raised" });
    expect(TemplateRaisedError.isInstance(other)).toBe(true);
    expect(TemplateError.isInstance(other)).toBe(true);
    expect(TemplateLimitError.isInstance(other)).toBe(false);
    for (const value of [null, undefined, "x", new Error("x"), {}]) expect(TemplateError.isInstance(value)).toBe(false);
  });

  it("a rendering that failed leaves nothing behind", () => {
    const template = new ChatTemplate("{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{{ m.content + '' }}{% endfor %}{{ ns.n }}");
    thrown(() => template.render([user, { role: "user" }]));
    expect(template.render([user])).toBe("Hi1");
  });
});

describe("limits", () => {
  const limited = (source: string, limits: Record<string, number>) => thrown(() => new ChatTemplate(source, { limits }).render([user]));

  it.each([
    ["sourceLength", 10, "more than ten characters"],
    ["nesting", 5, "{{ ((((((1)))))) }}"],
    ["steps", 5000, "{% for i in range(10000) %}{{ i }}{% endfor %}"],
    ["recursion", 3, "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(5) }}"],
    ["valueDepth", 4, "{{ [[[[[1]]]]] }}"],
    ["rangeLength", 10, "{{ range(11) | list }}"],
    ["outputLength", 10, "{% for i in range(2000) %}xxxxxxxxxxxxxxxxxxxx{% endfor %}"],
    ["memory", 1000, "{{ 'x' * 100000 }}"],
    ["integerBits", 64, "{{ 2 ** 65 }}"],
  ])("%s can be set, and its error names it", (limit, value, source) => {
    expect(limited(source, { [limit]: value })).toMatchObject({ code: "template_limit", limit });
  });

  it("a time limit ends an endless loop", () => {
    const loops = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
    expect(timeTaken(() => expect(limited(loops, { milliseconds: 50, steps: Infinity })).toMatchObject({ limit: "milliseconds" }))).toBeLessThan(1000);
  });

  it("a limit that does not exist, or is no positive number, is refused", () => {
    expect(limited("x", { stepps: 1 }).message).toContain("stepps");
    for (const value of [0, -1, Number.NaN]) expect(limited("x", { steps: value })).toBeInstanceOf(TemplateInputError);
  });

  it("a message of 10 MB renders: limits grow with the input", () => {
    const content = "Ω and more, ".repeat(900_000);
    const template = new ChatTemplate("{% for m in messages %}{{ '<' + m.role + '>' + (m.content | trim).split('</think>')[-1] + '</s>' }}{% endfor %}");
    expect(template.render([{ role: "user", content }], { limits: { milliseconds: 5000 } })).toBe(`<user>${content.trimEnd()}</s>`);
  });
});
