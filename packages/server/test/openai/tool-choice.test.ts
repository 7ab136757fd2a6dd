import { describe, expect, test } from "vitest";
import { eventsIn, post, withServer } from "../doubles/running-server.js";
import { type Script, ScriptedEngine } from "../doubles/scripted-engine.js";

const messages = [{ role: "user", content: "Weather?" }];
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const tool = (name: string, strict = false) => ({ type: "function", function: { name, parameters, strict } });
const enforcing = { enforcesFormats: true };

/** What the engine was asked to hold an answer to. */
async function heldTo(body: object, script: Partial<Script> = {}) {
  const engine = new ScriptedEngine({ tokens: ["a"], ...script });
  await withServer(engine, enforcing, async (url) => {
    const response = await post(`${url}/v1/chat/completions`, { messages, ...body });
    expect([response.status, await response.text()]).toEqual([200, expect.any(String)]);
  });
  return engine.requests[0]!.constraint?.options;
}

describe("tools", () => {
  test("are held to their schemas where they are strict, and called or not as tool_choice says", async () => {
    const tools = [tool("weather", true), tool("clock")];
    const held = [{ name: "weather", schema: parameters }, { name: "clock" }];
    expect(await heldTo({ tools })).toEqual({ calls: { form: "hermes", tools: held, required: false, parallel: true } });
    expect(await heldTo({ tools, tool_choice: "none" })).toBeUndefined();
    expect(await heldTo({ tools, tool_choice: "required", parallel_tool_calls: false })).toEqual({ calls: { form: "hermes", tools: held.map(({ name }) => ({ name, schema: parameters })), required: true, parallel: false } });
    const named = { type: "function", function: { name: "clock" } };
    expect(await heldTo({ tools, tool_choice: named })).toEqual({ calls: { form: "hermes", tools: [{ name: "clock", schema: parameters }], required: true, parallel: false } });
    const loose = { type: "function", function: { name: "loose", parameters: { type: "array", uniqueItems: true } } };
    expect(await heldTo({ tools: [loose], tool_choice: "required" })).toMatchObject({ calls: { tools: [{ name: "loose" }] } });
    expect(await heldTo({ tools, response_format: { type: "json_object" } })).toEqual({ format: {}, calls: { form: "hermes", tools: held, required: false, parallel: true } });
    expect(await heldTo({ tools, tool_choice: "required" }, { templateEnd: "<think>" })).toMatchObject({ thinks: true, calls: { required: true } });
  });

  test("are called in the form of the model's own template", async () => {
    const tools = [tool("weather", true)];
    const mistral = (name: string, settings: object) => `[TOOL_CALLS] [{"name": "${name}", "arguments": ${JSON.stringify(settings)}, "id": "abcdefghi"}]`;
    expect(await heldTo({ tools }, { writesCalls: mistral })).toMatchObject({ calls: { form: "mistral" } });
    expect(await heldTo({ tools }, { writesCalls: (name, settings) => `[TOOL_CALLS]${name}[ARGS]${JSON.stringify(settings)}` })).toMatchObject({ calls: { form: "mistral-named" } });
    const llama = (name: string, settings: object) => `{"name": "${name}", "parameters": ${JSON.stringify(settings)}}`;
    expect(await heldTo({ tools }, { writesCalls: llama })).toMatchObject({ calls: { form: "llama", parallel: false } });
    // Its calls look like any other JSON: nothing that was not asked for is forced.
    expect(await heldTo({ tools: [tool("weather")] }, { writesCalls: llama })).toBeUndefined();
  });

  test("are described in a message where the template does not show them", async () => {
    const engine = new ScriptedEngine({ tokens: ["a"], showsTools: false });
    await withServer(engine, enforcing, async (url) => {
      const call = { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Oslo"}' } };
      await post(`${url}/v1/chat/completions`, {
        messages: [{ role: "system", content: "Be brief." }, ...messages, { role: "assistant", content: null, tool_calls: [call] }, { role: "tool", tool_call_id: "call_1", content: "Rain" }],
        tools: [tool("weather")],
      });
    });
    const { messages: sent, chatTemplate } = engine.requests[0]!;
    expect(chatTemplate).toEqual({});
    expect(sent!.map(({ role }) => role)).toEqual(["system", "user", "assistant", "user"]);
    expect(sent![0]!.content).toMatch(/^Be brief\.\n\n.*"name":"weather"/s);
    expect(sent![2]!.content).toBe('<tool_call>\n{"name": "weather", "arguments": {"city":"Oslo"}}\n</tool_call>');
    expect(sent![3]!.content).toContain("Rain");
  });

  const refused: readonly [string, object, string][] = [
    ["a call of no tool", { tool_choice: "required" }, "tool_choice"],
    ["a call of a tool that is not there", { tools: [tool("weather")], tool_choice: { type: "function", function: { name: "clock" } } }, "tool_choice"],
    ["a strict schema that no grammar can hold", { tools: [tool("a"), { type: "function", function: { name: "b", strict: true, parameters: { type: "array", uniqueItems: true } } }] }, "tools.1.function.parameters"],
  ];
  test.each(refused)("%s is refused by name", async (_, body, param) => {
    await withServer(new ScriptedEngine({ tokens: ["a"] }), enforcing, async (url) => {
      const response = await post(`${url}/v1/chat/completions`, { messages, ...body });
      expect([response.status, await response.json()]).toMatchObject([400, { error: { param } }]);
    });
  });

  test("that a server cannot enforce are refused by name", async () => {
    await withServer(new ScriptedEngine({ tokens: ["a"] }), {}, async (url) => {
      const bodies = [{ tools: [tool("a", true)] }, { tools: [tool("a")], tool_choice: "required" }, { tools: [tool("a")], parallel_tool_calls: false }];
      for (const [index, param] of ["tools", "tool_choice", "parallel_tool_calls"].entries()) {
        const response = await post(`${url}/v1/chat/completions`, { messages, ...bodies[index] });
        expect([response.status, await response.json()]).toMatchObject([400, { error: { param } }]);
      }
    });
  });
});

const script = ["Look.\n<tool_call>\n{\"na", "me\": \"weather\", \"arguments\": {\"ci", "ty\": \"Os</tool_call>", "lo\"}}\n</tool_call>", "\n<tool_call>\n{\"name\": \"weather\", \"arguments\": {}}\n</tool_call>"];

test("arguments are streamed as they come, under one id, in every protocol", async () => {
  await withServer(new ScriptedEngine({ tokens: script }), enforcing, async (url) => {
    const chat = eventsIn(await (await post(`${url}/v1/chat/completions`, { messages, tools: [tool("weather")], stream: true })).text());
    const deltas = chat.flatMap((event) => event.choices?.[0].delta.tool_calls ?? []);
    expect(deltas.map(({ index, id, type, function: { name, arguments: text } }) => [index, typeof id, type, name, text])).toEqual([
      [0, "string", "function", "weather", ""],
      [0, "undefined", undefined, undefined, '{"ci'],
      [0, "undefined", undefined, undefined, 'ty": "Os</tool_call>'],
      [0, "undefined", undefined, undefined, 'lo"}'],
      [1, "string", "function", "weather", ""],
      [1, "undefined", undefined, undefined, "{}"],
    ]);
    expect(chat.at(-2).choices[0].finish_reason).toBe("tool_calls");

    const flat = { type: "function", name: "weather", parameters };
    const responses = eventsIn(await (await post(`${url}/v1/responses`, { input: "Weather?", tools: [flat], stream: true })).text());
    expect(responses.filter(({ type }) => type === "response.function_call_arguments.done").map(({ arguments: text }) => text)).toEqual(['{"city": "Os</tool_call>lo"}', "{}"]);
    expect(responses.filter(({ type }) => type === "response.function_call_arguments.delta").map(({ delta }) => delta).join("")).toBe('{"city": "Os</tool_call>lo"}{}');
    expect(new Set(responses.filter(({ item_id: id }) => id?.startsWith("fc_")).map(({ item_id: id }) => id)).size).toBe(2);

    const body = { model: "scripted", max_tokens: 50, messages, tools: [{ name: "weather", input_schema: parameters }] };
    const anthropic = eventsIn(await (await post(`${url}/v1/messages`, { ...body, stream: true })).text());
    expect(anthropic.flatMap(({ delta }) => delta?.partial_json ?? []).join("")).toBe('{"city": "Os</tool_call>lo"}{}');
    expect(anthropic.filter(({ type }) => type === "content_block_start").map(({ content_block: { type } }) => type)).toEqual(["text", "tool_use", "tool_use"]);
    const starts = anthropic.map(({ type }) => type).filter((type) => type === "content_block_start" || type === "content_block_stop");
    expect(starts).toEqual(Array.from({ length: 3 }, () => ["content_block_start", "content_block_stop"]).flat());
  });
});

test("a call that the answer's limit cuts says so: length, an incomplete item, no input that could be used", async () => {
  const engine = new ScriptedEngine({ tokens: script.slice(0, 3), reason: "length" });
  await withServer(engine, enforcing, async (url) => {
    const chat = await (await post(`${url}/v1/chat/completions`, { messages, tools: [tool("weather")] })).json();
    expect(chat).toMatchObject({ choices: [{ finish_reason: "length", message: { tool_calls: [{ function: { arguments: '{"city": "Os</tool_call>' } }] } }] });
    const response = await (await post(`${url}/v1/responses`, { input: "Weather?", tools: [{ type: "function", name: "weather", parameters }] })).json();
    expect(response).toMatchObject({ status: "incomplete", output: [{ type: "message" }, { type: "function_call", status: "incomplete" }] });
    const message = await (await post(`${url}/v1/messages`, { model: "scripted", max_tokens: 50, messages, tools: [{ name: "weather", input_schema: parameters }] })).json();
    expect(message).toMatchObject({ stop_reason: "max_tokens", content: [{ type: "text", text: "Look." }] });
  });
});

test("Anthropic's any and tool force a call, and its stop sequence is named", async () => {
  const engine = new ScriptedEngine({ tokens: ["a"], reason: "stop", stopText: "END" });
  await withServer(engine, enforcing, async (url) => {
    const body = { model: "scripted", max_tokens: 50, messages, tools: [{ name: "weather", input_schema: parameters }, { name: "clock", input_schema: {} }], stop_sequences: ["STOP", "END"] };
    const whole = await (await post(`${url}/v1/messages`, { ...body, tool_choice: { type: "tool", name: "clock", disable_parallel_tool_use: true } })).json();
    expect(engine.requests[0]!.constraint!.options).toMatchObject({ calls: { tools: [{ name: "clock" }], required: true, parallel: false } });
    expect(whole).toMatchObject({ stop_reason: "stop_sequence", stop_sequence: "END" });
    await post(`${url}/v1/messages`, { ...body, tool_choice: { type: "any" } });
    expect(engine.requests[1]!.constraint!.options).toMatchObject({ calls: { tools: [{ name: "weather" }, { name: "clock" }], required: true } });
  });
});
