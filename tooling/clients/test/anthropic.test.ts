import Anthropic, { NotFoundError } from "@anthropic-ai/sdk";
import { expect, test } from "vitest";
import { model, question, serveDemo } from "./served-demo.js";

test("@anthropic-ai/sdk: messages, streamed and not, tokens counted, and typed errors", async () => {
  await using demo = await serveDemo();
  const client = new Anthropic({ baseURL: demo.baseUrl.replace(/\/v1$/, ""), apiKey: demo.apiKey, maxRetries: 0 });
  const settings = { model, max_tokens: 6, temperature: 0, messages: [{ role: "user" as const, content: question }] };

  const whole = await client.messages.create(settings);
  const [block] = whole.content;
  const text = block?.type === "text" ? block.text : "";
  expect(text.length).toBeGreaterThan(0);
  const { input_tokens: counted } = await client.messages.countTokens({ model, messages: settings.messages });
  expect(whole.usage.input_tokens + (whole.usage.cache_read_input_tokens ?? 0)).toBe(counted);

  const stream = client.messages.stream(settings);
  let streamed = "";
  stream.on("text", (delta) => (streamed += delta));
  const final = await stream.finalMessage();
  expect(streamed).toBe(text);
  expect(final.stop_reason).toBe(whole.stop_reason);

  await expect(client.messages.create({ ...settings, model: "claude" })).rejects.toThrow(NotFoundError);
});

test("@anthropic-ai/sdk: a forced call of a tool, streamed and not, and the stop sequence that ended an answer", async () => {
  await using demo = await serveDemo();
  const client = new Anthropic({ baseURL: demo.baseUrl.replace(/\/v1$/, ""), apiKey: demo.apiKey, maxRetries: 0 });
  const input_schema = { type: "object" as const, properties: { place: { enum: ["sea", "land"] } }, required: ["place"], additionalProperties: false };
  const settings = { model, max_tokens: 60, temperature: 0, messages: [{ role: "user" as const, content: question }], tools: [{ name: "look", strict: true, input_schema }], tool_choice: { type: "tool" as const, name: "look" } };
  const whole = await client.messages.create(settings);
  const call = whole.content.find(({ type }) => type === "tool_use");
  expect(call).toMatchObject({ name: "look", input: { place: expect.stringMatching(/^(sea|land)$/) as string } });
  expect(whole.stop_reason).toBe("tool_use");
  const streamed = await client.messages.stream(settings).finalMessage();
  expect(streamed.content.map(({ type }) => type)).toEqual(whole.content.map(({ type }) => type));
  expect(streamed.content.find(({ type }) => type === "tool_use")).toMatchObject({ input: (call as { input: object }).input });
  const { tools: _, tool_choice: __, ...plain } = settings;
  const free = await client.messages.create({ ...plain, max_tokens: 6 });
  const text = free.content.map((block) => (block.type === "text" ? block.text : "")).join("");
  const end = text.slice(-2);
  const stopped = await client.messages.create({ ...plain, stop_sequences: ["never there", end] });
  expect([stopped.stop_reason, stopped.stop_sequence]).toEqual(["stop_sequence", end]);
});
