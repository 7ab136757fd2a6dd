import OpenAI, { AuthenticationError } from "openai";
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
  await expect(stranger.models.list()).rejects.toThrow(AuthenticationError);
});

test("openai: a schema and tools that are called as asked, streamed and not", async () => {
  await using demo = await serveDemo();
  const client = new OpenAI({ baseURL: demo.baseUrl, apiKey: demo.apiKey, maxRetries: 0 });
  const parameters = { type: "object", properties: { place: { enum: ["sea", "land"] }, depth: { type: "integer", minimum: 0, maximum: 99 } }, required: ["place", "depth"], additionalProperties: false };
  const look = { type: "function" as const, function: { name: "look", description: "Looks around.", parameters, strict: true } };
  const messages = [{ role: "user" as const, content: question }];
  const settings = { model, messages, max_completion_tokens: 80, temperature: 0 };

  const schema = { type: "json_schema" as const, json_schema: { name: "place", strict: true, schema: parameters } };
  const answered = await client.chat.completions.create({ ...settings, response_format: schema });
  expect(JSON.parse(answered.choices[0]!.message.content!)).toMatchObject({ place: expect.stringMatching(/^(sea|land)$/) as string });

  for (const choice of ["required" as const, { type: "function" as const, function: { name: "look" } }]) {
    const forced = { ...settings, tools: [look], tool_choice: choice, parallel_tool_calls: false };
    const { choices } = await client.chat.completions.create(forced);
    const [call] = choices[0]!.message.tool_calls!;
    expect(choices[0]!.finish_reason).toBe("tool_calls");
    expect(call?.type === "function" && JSON.parse(call.function.arguments)).toMatchObject({ place: expect.stringMatching(/^(sea|land)$/) as string, depth: expect.any(Number) as number });
    const stream = client.chat.completions.stream(forced);
    let pieces = 0;
    stream.on("tool_calls.function.arguments.delta", () => (pieces += 1));
    const streamed = await stream.finalChatCompletion();
    expect(streamed.choices[0]!.message.tool_calls).toMatchObject([{ function: call?.type === "function" ? call.function : {} }]);
    expect(pieces).toBeGreaterThan(1);
  }

  // What a tool gave is read; the model then answers or calls again.
  const id = "call_1";
  const after = await client.chat.completions.create({
    ...settings,
    max_completion_tokens: 6,
    tools: [look],
    messages: [...messages, { role: "assistant", tool_calls: [{ id, type: "function", function: { name: "look", arguments: '{"place":"sea","depth":3}' } }] }, { role: "tool", tool_call_id: id, content: "Water." }],
  });
  expect(after.choices[0]!.message.role).toBe("assistant");
  const response = await client.responses.create({ model, input: question, max_output_tokens: 80, temperature: 0, tools: [{ type: "function", name: "look", parameters, strict: true }], tool_choice: "required" });
  expect(response.output.map(({ type }) => type)).toContain("function_call");
});
