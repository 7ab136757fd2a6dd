import Anthropic from "@anthropic-ai/sdk";
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

  await expect(client.messages.create({ ...settings, model: "claude" })).rejects.toThrow(Anthropic.NotFoundError);
});
