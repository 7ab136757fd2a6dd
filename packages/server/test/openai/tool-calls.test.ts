import { expect, test } from "vitest";
import { eventsIn, post, withServer } from "../doubles/running-server.js";
import { ScriptedEngine } from "../doubles/scripted-engine.js";

const input = [{ role: "user", content: "Weather?" }];
const parameters = { type: "object", properties: { city: { type: "string" } } };
const script = ["<think>", "Hm.", "</think>", "\n\nLook", "ing.", "\n<tool", '_call>{"name": "weather", "arguments": {"city"', ': "Oslo"}}', "</tool_call>"];

test("a chat's calls of tools come as a message and as deltas", async () => {
  await withServer(new ScriptedEngine({ tokens: script }), {}, async (url) => {
    const body = { messages: input, tools: [{ type: "function", function: { name: "weather", parameters } }] };
    const { choices } = (await (await post(`${url}/v1/chat/completions`, body)).json()) as { choices: { message: { tool_calls: { id: string }[] } }[] };
    expect(choices[0]).toMatchObject({
      finish_reason: "tool_calls",
      message: { content: "Looking.", reasoning_content: "Hm.", tool_calls: [{ type: "function", function: { name: "weather", arguments: '{"city":"Oslo"}' } }] },
    });
    const events = eventsIn(await (await post(`${url}/v1/chat/completions`, { ...body, stream: true })).text());
    const deltas = events.filter((event) => event !== "[DONE]").map((event) => event.choices[0].delta);
    expect(deltas.map(({ reasoning_content: thoughts = "" }) => thoughts).join("")).toBe("Hm.");
    expect(deltas.map(({ content = "" }) => content).join("")).toBe("Looking.");
    expect(deltas.flatMap(({ tool_calls: calls = [] }) => calls)).toMatchObject([
      { index: 0, id: expect.stringMatching(/^call_/) as string, function: { name: "weather", arguments: "" } },
      { index: 0, function: { arguments: '{"city":"Oslo"}' } },
    ]);
    const none = await (await post(`${url}/v1/chat/completions`, { ...body, tool_choice: "none" })).json();
    expect(none).toMatchObject({ choices: [{ finish_reason: "stop", message: { content: expect.stringContaining("<tool_call>") as string } }] });
  });
});

test("markers that the vocabulary has as special tokens are seen by their ids", async () => {
  const engine = new ScriptedEngine({ tokens: ["", '[{"name": "weather", "arguments": {}}]'], ids: [9, 10], special: { 9: "[TOOL_CALLS]" } });
  await withServer(engine, {}, async (url) => {
    const body = { messages: input, tools: [{ type: "function", function: { name: "weather" } }] };
    expect(await (await post(`${url}/v1/chat/completions`, body)).json()).toMatchObject({ choices: [{ finish_reason: "tool_calls", message: { tool_calls: [{ function: { name: "weather", arguments: "{}" } }] } }] });
  });
});

test("the Responses API gives items, and their events in order", async () => {
  await withServer(new ScriptedEngine({ tokens: script }), {}, async (url) => {
    const body = { input: "Weather?", instructions: "Be brief.", tools: [{ type: "function", name: "weather", parameters }] };
    expect(await (await post(`${url}/v1/responses`, body)).json()).toMatchObject({
      status: "completed",
      output: [
        { type: "reasoning", content: [{ text: "Hm." }] },
        { type: "message", content: [{ type: "output_text", text: "Looking." }] },
        { type: "function_call", name: "weather", arguments: '{"city":"Oslo"}' },
      ],
      usage: { input_tokens: 7, input_tokens_details: { cached_tokens: 2 } },
    });
    const events = eventsIn(await (await post(`${url}/v1/responses`, { ...body, stream: true })).text());
    expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_, index) => index));
    expect(events.map(({ type }) => type.replace("response.", "")).filter((type, index, all) => type !== all[index - 1])).toEqual([
      "created", "in_progress",
      "output_item.added", "reasoning_text.delta", "reasoning_text.done", "output_item.done",
      "output_item.added", "content_part.added", "output_text.delta", "output_text.done", "content_part.done", "output_item.done",
      "output_item.added", "function_call_arguments.delta", "function_call_arguments.done", "output_item.done",
      "completed",
    ]);
    for (const [name, value] of Object.entries({ previous_response_id: "resp_1", store: true, background: true, truncation: "auto", include: ["reasoning.encrypted_content"] })) {
      const refused = await post(`${url}/v1/responses`, { ...body, [name]: value });
      expect([refused.status, ((await refused.json()) as { error: { param: string } }).error.param]).toEqual([400, name]);
    }
  });
});

test("Anthropic's messages give blocks, take results of tools, and have errors of their own form", async () => {
  const engine = new ScriptedEngine({ tokens: script });
  await withServer(engine, {}, async (url) => {
    const body = {
      model: "scripted",
      max_tokens: 50,
      system: [{ type: "text", text: "Be brief." }],
      tools: [{ name: "weather", input_schema: parameters }],
      messages: [
        { role: "user", content: "Weather?" },
        { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "weather", input: { city: "Oslo" } }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "Rain" }, { type: "text", text: "And now?" }] },
      ],
    };
    expect(await (await post(`${url}/v1/messages`, body)).json()).toMatchObject({
      type: "message",
      content: [{ type: "thinking", thinking: "Hm." }, { type: "text", text: "Looking." }, { type: "tool_use", name: "weather", input: { city: "Oslo" } }],
      stop_reason: "tool_use",
      usage: { input_tokens: 5, cache_read_input_tokens: 2 },
    });
    expect(engine.requests[0]!.messages!.map(({ role }) => role)).toEqual(["system", "user", "assistant", "tool", "user"]);
    const text = await (await post(`${url}/v1/messages`, { ...body, stream: true })).text();
    expect(eventsIn(text).map(({ type }) => type).filter((type, index, all) => type !== all[index - 1])).toEqual([
      "message_start",
      ...[1, 2, 3].flatMap(() => ["content_block_start", "content_block_delta", "content_block_stop"]),
      "message_delta", "message_stop",
    ]);
    expect(text).toMatch(/^event: message_start$/m);
    const refused = await post(`${url}/v1/messages`, { ...body, max_tokens: undefined });
    expect([refused.status, await refused.json()]).toMatchObject([400, { type: "error", error: { type: "invalid_request_error", message: expect.stringContaining("max_tokens") as string } }]);
  });
});
