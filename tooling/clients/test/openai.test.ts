import OpenAI from "openai";
import { expect, test } from "vitest";
import { model, question, serveDemo } from "./served-demo.js";

test("openai: chat, streamed and not, completions, responses, models, and typed errors", async () => {
  await using demo = await serveDemo();
  const client = new OpenAI({ baseURL: demo.baseUrl, apiKey: demo.apiKey, maxRetries: 0 });
  const settings = { model, messages: [{ role: "user" as const, content: question }], max_completion_tokens: 6, temperature: 0 };

  const whole = await client.chat.completions.create(settings);
  const text = whole.choices[0]!.message.content!;
  expect(text.length).toBeGreaterThan(0);
  expect(whole.usage!.completion_tokens).toBeLessThanOrEqual(6);

  let streamed = "";
  let usage: OpenAI.CompletionUsage | null | undefined;
  for await (const chunk of await client.chat.completions.create({ ...settings, stream: true, stream_options: { include_usage: true } })) {
    streamed += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
  }
  expect(streamed).toBe(text);
  expect(usage!.prompt_tokens).toBe(whole.usage!.prompt_tokens);

  const final = await client.chat.completions.stream(settings).finalChatCompletion();
  expect(final.choices[0]!.message.content).toBe(text);

  const completion = await client.completions.create({ model, prompt: ["The ship", "The whale"], max_tokens: 3, temperature: 0 });
  expect(completion.choices.map(({ index }) => index)).toEqual([0, 1]);

  const response = await client.responses.create({ model, input: question, max_output_tokens: 6, temperature: 0 });
  expect(response.output_text).toBe(text);
  let deltas = "";
  for await (const event of await client.responses.create({ model, input: question, max_output_tokens: 6, temperature: 0, stream: true })) {
    if (event.type === "response.output_text.delta") deltas += event.delta;
  }
  expect(deltas).toBe(text);

  expect((await client.models.list()).data.map(({ id }) => id)).toEqual([model]);
  const tooLong = client.chat.completions.create({ ...settings, messages: [{ role: "user", content: "word ".repeat(20_000) }] });
  await expect(tooLong).rejects.toMatchObject({ status: 400, code: "context_length_exceeded" });
  const stranger = new OpenAI({ baseURL: demo.baseUrl, apiKey: `${demo.apiKey}x`, maxRetries: 0 });
  await expect(stranger.models.list()).rejects.toThrow(OpenAI.AuthenticationError);
});
