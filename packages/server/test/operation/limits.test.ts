import { expect, test } from "vitest";
import { gate, post, withServer } from "../doubles/running-server.js";
import { ScriptedEngine } from "../doubles/scripted-engine.js";

const messages = [{ role: "user", content: "Hello" }];

test("beyond the queue a request is refused with 429 and Retry-After at once; later ones are answered", async () => {
  const { opened, open } = gate();
  const engine = new ScriptedEngine({ tokens: ["a"], prefill: () => opened });
  await withServer(engine, { maximumRunning: 1, maximumQueue: 1 }, async (url) => {
    const chat = `${url}/v1/chat/completions`;
    const running = [post(chat, { messages }), post(chat, { messages })];
    await expect.poll(() => engine.running).toBe(2);
    const refused = await post(chat, { messages });
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ error: { code: "queue_full" } });
    open();
    for (const response of await Promise.all(running)) expect(response.status).toBe(200);
    expect((await post(chat, { messages })).status).toBe(200);
    const several = await post(`${url}/v1/completions`, { prompt: ["a", "b", "c"] });
    expect(several.status).toBe(429);
  });
});

test("each answer of a request takes a place", async () => {
  const { opened, open } = gate();
  const engine = new ScriptedEngine({ tokens: ["a"], prefill: () => opened });
  await withServer(engine, { maximumRunning: 2, maximumQueue: 2 }, async (url, server) => {
    const chat = `${url}/v1/chat/completions`;
    const running = post(chat, { messages, n: 3 });
    await expect.poll(() => server.running).toBe(3);
    expect((await post(chat, { messages, n: 2 })).status).toBe(429);
    open();
    expect((await running).status).toBe(200);
    expect(server.running).toBe(0);
  });
});

test("an answer without a limit goes on to the end of the context, or as far as the server lets it", async () => {
  const engine = new ScriptedEngine({ tokens: ["a"] });
  const lengths = async (options: object) => {
    await withServer(engine, options, async (url) => void (await post(`${url}/v1/chat/completions`, { messages })));
    return [engine.requests.at(-1)!.maxNewTokens, engine.requests.at(-1)!.defaultNewTokens];
  };
  expect(await lengths({})).toEqual([undefined, Infinity]);
  expect(await lengths({ maximumAnswerTokens: 100 })).toEqual([undefined, 100]);
});

test("a prompt longer than the server takes is refused with both counts, and leaves the engine", async () => {
  const engine = new ScriptedEngine({ tokens: ["a"] });
  await withServer(engine, { maximumPromptTokens: 5, maximumAnswerTokens: 8 }, async (url, server) => {
    const response = await post(`${url}/v1/chat/completions`, { messages });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: "context_length_exceeded", message: expect.stringMatching(/7 tokens.*at most 5/) as string } });
    expect((await post(`${url}/v1/chat/completions`, { messages, max_tokens: 9 })).status).toBe(400);
    await expect.poll(() => engine.running).toBe(0);
    expect(server.running).toBe(0);
  });
});

test("a server that stops answers what runs, refuses what is new, and says so", async () => {
  const { opened, open } = gate();
  const engine = new ScriptedEngine({ tokens: ["a", "b"], prefill: () => opened });
  await withServer(engine, { drainMilliseconds: 5000 }, async (url, server) => {
    const running = post(`${url}/v1/chat/completions`, { messages });
    await expect.poll(() => engine.running).toBe(1);
    const closed = server.close();
    expect((await fetch(`${url}/ready`)).status).toBe(503);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect((await post(`${url}/v1/chat/completions`, { messages })).status).toBe(503);
    open();
    expect(await (await running).json()).toMatchObject({ choices: [{ message: { content: "ab" } }] });
    await closed;
    await expect(fetch(`${url}/health`)).rejects.toThrow(/fetch failed/);
  });
});

test("answers that do not end within the deadline are cut off", async () => {
  const engine = new ScriptedEngine({ tokens: Array.from({ length: 10_000 }, () => "a"), pause: () => new Promise((resolve) => setTimeout(resolve, 10)) });
  await withServer(engine, { drainMilliseconds: 50 }, async (url, server) => {
    const response = await post(`${url}/v1/chat/completions`, { messages, stream: true });
    const begun = performance.now();
    await server.close();
    expect(performance.now() - begun).toBeLessThan(5000);
    await expect(response.text()).rejects.toThrow(/terminated/);
    expect(engine.aborted).toBe(1);
  });
});

test("figures have the names that dashboards know", async () => {
  await withServer(new ScriptedEngine({ tokens: ["a", "b"] }), {}, async (url) => {
    await post(`${url}/v1/chat/completions`, { messages });
    const text = await (await fetch(`${url}/metrics`)).text();
    for (const line of [
      'vllm:num_requests_waiting{model_name="scripted"} 3',
      'vllm:kv_cache_usage_perc{model_name="scripted"} 0.25',
      'vllm:prompt_tokens_total{model_name="scripted"} 7',
      'vllm:generation_tokens_total{model_name="scripted"} 2',
      'vllm:prefix_cache_queries{model_name="scripted"} 7',
      'vllm:prefix_cache_hits{model_name="scripted"} 2',
      'vllm:time_to_first_token_seconds_count{model_name="scripted"} 1',
      'vllm:e2e_request_latency_seconds_count{model_name="scripted"} 1',
      'vllm:time_per_output_token_seconds_count{model_name="scripted"} 1',
      'elastic_msr_sum{model_name="scripted"} 0.75',
      'elastic_kv_bytes_saved{model_name="scripted"} 300',
    ]) expect(text).toContain(line);
  });
});
