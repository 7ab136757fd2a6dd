import OpenAI from "openai";
import { Agent, fetch as undiciFetch } from "undici";
import { expect, test } from "vitest";
import { model, post, question, serveDemo } from "../served-demo.js";
import { countTokens, isFull, logWith, scaled, slowed, testTimeout } from "./acceptance.js";

interface ChatAnswer {
  readonly choices: readonly { readonly message: { readonly content: string }; readonly finish_reason: string; readonly logprobs: { readonly content: readonly { readonly token: string; readonly logprob: number }[] } | null }[];
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number; readonly total_tokens: number; readonly prompt_tokens_details: { readonly cached_tokens: number } };
  readonly elastic: { readonly msr: number; readonly keyValueBytes: number; readonly fullKeyValueBytes: number };
}

// 44 000 tokens are more than the demo model's context holds: its log is as long as what it was trained with. MODEL, the folder
// of a model with a longer context, takes its place.
const longModel = process.env["MODEL"];

test(
  "1. a line in the middle of a long log is found at every position of the dial, or the answer says what was dropped",
  async () => {
    await using demo = await serveDemo(longModel === undefined ? {} : { engine: { path: longModel } });
    const code = "4731902";
    const tokens = longModel === undefined ? scaled(8000, 2500) : 44_000;
    const log = logWith(`ERROR One of the special magic numbers for harbour is: ${code}.`, tokens);
    const content = `A special magic number is hidden within the following text. Make sure to memorize it. I will quiz you about the number afterwards.\n${log}\nWhat is the special magic number for harbour mentioned in the provided text?`;
    const found: number[] = [];
    for (const sparsity of scaled([0, 0.25, 0.5, 0.75, 1], [0, 0.5, 1])) {
      const answer = (await (await post(demo, "chat/completions", { messages: [{ role: "user", content }], max_tokens: 40, temperature: 0, elastic: { sparsity } })).json()) as ChatAnswer;
      const { elastic, usage, choices } = answer;
      expect(usage.prompt_tokens).toBeGreaterThan(tokens * 0.9);
      if (choices[0]!.message.content.includes(code)) found.push(sparsity);
      // Heads that drop the middle are told of, with what they saved.
      else expect([elastic.msr > 0, elastic.keyValueBytes < elastic.fullKeyValueBytes], `answered ${choices[0]!.message.content}`).toEqual([true, true]);
    }
    console.log(`found at ${found.join(", ")} in a log of ${countTokens(log)} tokens`);
    expect(found).toContain(0);
    if (isFull) expect(found).toContain(0.5);
  },
  testTimeout,
);

test(
  "2. a prompt that takes longer to read than clients wait for headers or bytes is answered, streamed and not",
  async () => {
    // Six minutes against the 300 seconds of fetch; in the short form a hundredth of each clock.
    const [reading, patience, heartbeat, clientTimeout] = scaled([360_000, 60_000, 10_000, 300_000], [3600, 600, 100, 3000]);
    await using demo = await serveDemo({ server: { patienceMilliseconds: patience, heartbeatMilliseconds: heartbeat }, through: (engine) => slowed(engine, reading) });
    // What undici's fetch has by default, which the openai package asks through.
    const dispatcher = new Agent({ headersTimeout: clientTimeout, bodyTimeout: clientTimeout });
    const fetch = ((url: string, init: object) => undiciFetch(url, { ...init, dispatcher })) as unknown as typeof globalThis.fetch;
    const client = new OpenAI({ baseURL: demo.baseUrl, apiKey: demo.apiKey, maxRetries: 0, fetch });
    const settings = { model, messages: [{ role: "user" as const, content: question }], max_tokens: 4, temperature: 0 };
    const streamed = async () => {
      let text = "";
      for await (const chunk of await client.chat.completions.create({ ...settings, stream: true })) text += chunk.choices[0]?.delta.content ?? "";
      return text;
    };
    const begun = performance.now();
    const [whole, text] = await Promise.all([client.chat.completions.create(settings), streamed()]);
    expect(performance.now() - begun).toBeGreaterThan(reading);
    expect(text.length).toBeGreaterThan(0);
    expect(whole.choices[0]!.message.content).toBe(text);
    await dispatcher.close();
  },
  testTimeout,
);

test(
  "3. the second turn over a long first one reads 5% of its prompt at most, and its tokens have the log-probabilities that they have without a cache",
  async () => {
    await using demo = await serveDemo();
    const document = logWith("The harbour is closed.", scaled(12_000, 5000));
    const first = [{ role: "user", content: `${document}\nWhat is said of the harbour?` }];
    const ask = async (messages: readonly object[], settings: object) => (await (await post(demo, "chat/completions", { messages, temperature: 0, max_tokens: 40, logprobs: true, ...settings })).json()) as ChatAnswer;
    for (const elastic of [{ mode: "full" }, { sparsity: 0.5 }]) {
      const one = await ask(first, { elastic, max_tokens: 60, logit_bias: { 1: -100 } });
      const second = [...first, { role: "assistant", content: one.choices[0]!.message.content }, { role: "user", content: "Say it again." }];
      const two = await ask(second, { elastic });
      const { prompt_tokens: prompt, prompt_tokens_details: details } = two.usage;
      console.log(`${details.cached_tokens} of ${prompt} tokens were not read`);
      expect(details.cached_tokens / prompt).toBeGreaterThan(0.95);
      // Under the dial another text may give another plan: what is compared has every head full.
      if ("mode" in elastic) {
        const alone = await ask(second, { elastic: { ...elastic, prefix: "none" } });
        expect(alone.usage.prompt_tokens_details.cached_tokens).toBe(0);
        expect(two.choices[0]!.message).toEqual(alone.choices[0]!.message);
        expect(two.choices[0]!.logprobs).toEqual(alone.choices[0]!.logprobs);
      }
    }
  },
  testTimeout,
);

test("5. a prompt that is too long is refused with both counts on every route, and never cut", async () => {
  await using demo = await serveDemo();
  const text = "word ".repeat(20_000);
  const messages = [{ role: "user", content: text }];
  const bodies = { "chat/completions": { messages }, completions: { prompt: text }, responses: { input: text }, messages: { model, max_tokens: 5, messages } };
  for (const [route, body] of Object.entries(bodies)) {
    for (const stream of [false, true]) {
      const response = await post(demo, route, { ...body, stream });
      const { error } = (await response.json()) as { error: { message: string; code?: string } };
      expect([route, response.status]).toEqual([route, 400]);
      expect(error.message).toMatch(/\b\d{5}\b.*\b16384\b/);
      if (route !== "messages") expect(error.code).toBe("context_length_exceeded");
    }
  }
  const fits = await post(demo, "chat/completions", { messages: [{ role: "user", content: question }], max_tokens: 16_384 });
  expect([fits.status, ((await fits.json()) as { error: { code: string } }).error.code]).toEqual([400, "context_length_exceeded"]);
});
