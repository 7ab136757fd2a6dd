import { ContextLengthError, EngineWorkerError } from "@elastic-attention/core";
import { describe, expect, test } from "vitest";
import { eventsIn, gate, post, withServer } from "../doubles/running-server.js";
import { ScriptedEngine } from "../doubles/scripted-engine.js";

const messages = [{ role: "user", content: "Hello" }];

describe("a chat", () => {
  test("is answered with usage, timings and routing", async () => {
    const engine = new ScriptedEngine({ tokens: ["Good", " day", "."] });
    await withServer(engine, {}, async (url) => {
      const response = await post(`${url}/v1/chat/completions`, { model: "scripted", messages, max_completion_tokens: 9, temperature: 0.5, seed: 3, stop: "x", elastic: { sparsity: 0.5 } });
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({
        id: expect.stringMatching(/^chatcmpl-/) as string,
        object: "chat.completion",
        model: "scripted",
        choices: [{ index: 0, message: { role: "assistant", content: "Good day." }, finish_reason: "stop" }],
        usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10, prompt_tokens_details: { cached_tokens: 2 } },
        timings: { prompt_n: 5, prompt_ms: 500, predicted_n: 3 },
        elastic: { msr: 0.75, esr: 0.5, keyValueBytes: 100, fullKeyValueBytes: 400, router: "learned" },
      });
      expect(engine.requests[0]).toMatchObject({ messages, maxNewTokens: 9, sampling: { temperature: 0.5, seed: 3 }, stop: ["x"], sparsity: 0.5 });
    });
  });

  test("is streamed: the role first, usage only when asked for, [DONE] last", async () => {
    await withServer(new ScriptedEngine({ tokens: ["Good", " day"], reason: "length" }), {}, async (url) => {
      const response = await post(`${url}/v1/chat/completions`, { messages, stream: true, stream_options: { include_usage: true } });
      expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
      const events = eventsIn(await response.text());
      expect(events[0].choices[0].delta).toEqual({ role: "assistant", content: "" });
      expect(events.slice(1, 3).map(({ choices }) => choices[0].delta.content)).toEqual(["Good", " day"]);
      expect(events[3].choices[0].finish_reason).toBe("length");
      expect(events[4]).toMatchObject({ choices: [], usage: { completion_tokens: 2 } });
      expect(events[5]).toBe("[DONE]");
      const plain = eventsIn(await (await post(`${url}/v1/chat/completions`, { messages, stream: true })).text());
      expect(plain.some((event) => event !== "[DONE]" && "usage" in event)).toBe(false);
    });
  });

  test("sends headers and comments while the prompt is read, and progress when asked for", async () => {
    const { opened, open } = gate();
    await withServer(new ScriptedEngine({ tokens: ["a"], prefill: () => opened }), { heartbeatMilliseconds: 20 }, async (url) => {
      const response = await post(`${url}/v1/chat/completions`, { messages, stream: true, return_progress: true });
      setTimeout(open, 150);
      const text = await response.text();
      expect(text.match(/^: waiting$/gm)!.length).toBeGreaterThan(2);
      expect(eventsIn(text).filter((event) => event.prompt_progress !== undefined).map(({ prompt_progress: { total, processed } }) => [total, processed])).toEqual([[7, 3], [7, 7]]);
    });
  });

  test("that is not streamed sends headers and spaces when its prompt takes long", async () => {
    const { opened, open } = gate();
    await withServer(new ScriptedEngine({ tokens: ["a"], prefill: () => opened }), { heartbeatMilliseconds: 20, patienceMilliseconds: 20 }, async (url) => {
      const response = await post(`${url}/v1/chat/completions`, { messages });
      setTimeout(open, 100);
      const text = await response.text();
      expect(text).toMatch(/^ {3,}\{/);
      expect(JSON.parse(text)).toMatchObject({ choices: [{ message: { content: "a" } }] });
    });
  });

  test("names fields that it does not know in a header, and refuses known ones that it cannot honour", async () => {
    await withServer(new ScriptedEngine({ tokens: ["a"] }), {}, async (url) => {
      const response = await post(`${url}/v1/chat/completions`, { messages: [{ role: "user", content: "a", mood: 1 }], colour: "red", elastic: { shape: 1 } });
      expect(response.status).toBe(200);
      expect(response.headers.get("x-elastic-ignored")).toBe("messages.0.mood, colour, elastic.shape");
      for (const [name, value] of Object.entries({ audio: {}, functions: [], modalities: ["audio"], prediction: {} })) {
        const refused = await post(`${url}/v1/chat/completions`, { messages, [name]: value });
        expect(refused.status).toBe(400);
        expect(await refused.json()).toMatchObject({ error: { type: "invalid_request_error", param: name } });
      }
    });
  });

  test("takes elastic settings from headers, the body first", async () => {
    const engine = new ScriptedEngine({ tokens: ["a"] });
    await withServer(engine, {}, async (url) => {
      await post(`${url}/v1/chat/completions`, { messages, elastic: { sparsity: 0.25 } }, { "x-elastic-sparsity": "0.5", "x-elastic-mode": "fa-ssa", "x-elastic-decode": "full" });
      expect(engine.requests[0]).toMatchObject({ sparsity: 0.25, mode: "fa-ssa", decode: "full" });
      const wrong = await post(`${url}/v1/chat/completions`, { messages }, { "x-elastic-sparsity": "half" });
      expect(await wrong.json()).toMatchObject({ error: { param: "x-elastic-sparsity" } });
    });
  });

  test("gives templates text, tools and objects as arguments", async () => {
    const engine = new ScriptedEngine({ tokens: ["a"] });
    await withServer(engine, {}, async (url) => {
      const call = { id: "call_1", type: "function", function: { name: "weather", arguments: '{"city":"Oslo"}' } };
      await post(`${url}/v1/chat/completions`, {
        messages: [
          { role: "developer", content: "Be brief." },
          { role: "user", content: [{ type: "text", text: "Weather" }, { type: "text", text: "in Oslo?" }] },
          { role: "assistant", content: null, tool_calls: [call] },
          { role: "tool", tool_call_id: "call_1", content: "Rain" },
        ],
        tools: [{ type: "function", function: { name: "weather", parameters: { type: "object" } } }],
      });
      expect(engine.requests[0]!.messages).toEqual([
        { role: "system", content: "Be brief." },
        { role: "user", content: "Weather\nin Oslo?" },
        { role: "assistant", content: "", tool_calls: [{ id: "call_1", type: "function", function: { name: "weather", arguments: { city: "Oslo" } } }] },
        { role: "tool", content: "Rain", tool_call_id: "call_1", name: "weather" },
      ]);
      expect(engine.requests[0]!.chatTemplate!.tools).toEqual([{ type: "function", function: { name: "weather", parameters: { type: "object" } } }]);
    });
  });
});

test("several answers, penalties, biases and log-probabilities reach the engine, and log-probabilities come back", async () => {
  const engine = new ScriptedEngine({ tokens: ["Go", "od"] });
  await withServer(engine, {}, async (url) => {
    const body = { messages, n: 2, presence_penalty: 0.5, frequency_penalty: -1, logit_bias: { 5: -100 }, logprobs: true, top_logprobs: 2 };
    const whole = (await (await post(`${url}/v1/chat/completions`, body)).json()) as { choices: unknown[] };
    expect(engine.requests[0]).toMatchObject({ count: 2, sampling: { presencePenalty: 0.5, frequencyPenalty: -1 }, logitBias: { 5: -100 }, logprobs: 2 });
    const first = { token: "Go", logprob: -0.5, bytes: [71, 111], top_logprobs: [{ token: "Go" }, { token: "no", logprob: -9999 }] };
    expect(whole.choices[0]).toMatchObject({ logprobs: { content: [first, { token: "od" }] } });
    const events = eventsIn(await (await post(`${url}/v1/chat/completions`, { ...body, stream: true })).text());
    expect(events.slice(0, 2).map(({ choices }) => choices[0].index)).toEqual([0, 1]);
    expect(events.flatMap((event) => event.choices?.[0].logprobs?.content ?? [])).toMatchObject([first, { token: "od" }]);
    const completion = await (await post(`${url}/v1/completions`, { prompt: "Hi", logprobs: 1 })).json();
    expect(completion).toMatchObject({ choices: [{ text: "Good", logprobs: { tokens: ["Go", "od"], token_logprobs: [-0.5, -0.5], text_offset: [0, 2] } }] });
    expect(await (await post(`${url}/v1/completions`, { prompt: "Hi", echo: true })).json()).toMatchObject({ choices: [{ text: "HiGood", logprobs: null }] });
    expect((await post(`${url}/v1/chat/completions`, { messages, top_logprobs: 2 })).status).toBe(400);
  });
});

describe("an error", () => {
  const cases: readonly [string, Record<string, unknown>, number, string][] = [
    ["of a model that is not served", { model: "gpt-9", messages }, 404, "model"],
    ["of a message without text", { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "file:///etc/passwd" } }] }] }, 400, "messages.0.content"],
    ["of a tool without a name", { messages, tools: [{ type: "function", function: {} }] }, 400, "tools.0.function.name"],
    ["of too many stop texts", { messages, stop: Array.from({ length: 5000 }, () => "a") }, 400, "stop"],
    ["of a temperature that is none", { messages, temperature: "hot" }, 400, "temperature"],
    ["of no messages", { messages: [] }, 400, "messages"],
  ];
  test.each(cases)("%s names the field", async (_, body, status, param) => {
    await withServer(new ScriptedEngine({ tokens: [] }), {}, async (url) => {
      const response = await post(`${url}/v1/chat/completions`, body);
      expect(response.status).toBe(status);
      expect(await response.json()).toMatchObject({ error: { param, type: "invalid_request_error" } });
    });
  });

  test("of the engine's check is a status, also for a stream", async () => {
    await withServer(new ScriptedEngine({ tokens: [] }), {}, async (url) => {
      const response = await post(`${url}/v1/chat/completions`, { messages, stream: true, elastic: { sparsity: 0.125 } });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { message: "elastic.sparsity 0.125 is not liked.", param: "elastic.sparsity" } });
    });
  });

  test("of a prompt that is too long has both counts", async () => {
    const engine = new ScriptedEngine({ tokens: [] });
    // eslint-disable-next-line require-yield
    engine.generate = async function* () {
      throw new ContextLengthError("The prompt has 5000 tokens; the model's context is 1000.", "Shorten it.", 5000, 1000);
    };
    await withServer(engine, {}, async (url) => {
      const response = await post(`${url}/v1/chat/completions`, { messages });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: { code: "context_length_exceeded", message: expect.stringMatching(/5000.*1000/) as string } });
    });
  });

  test("while an answer is streamed is its last event, and health says so until the engine is back", async () => {
    const engine = new ScriptedEngine({ tokens: ["a"], fail: new EngineWorkerError("The thread has ended.") });
    const { opened, open } = gate();
    engine.report = async () => {
      await opened;
      throw new EngineWorkerError("Not yet.");
    };
    await withServer(engine, {}, async (url) => {
      const events = eventsIn(await (await post(`${url}/v1/chat/completions`, { messages, stream: true })).text());
      expect(events.at(-1)).toMatchObject({ error: { type: "server_error", code: "engine_unavailable" } });
      expect((await fetch(`${url}/health`)).status).toBe(503);
      open();
    });
  });
});

test("a client that goes away ends its request, and no other", async () => {
  const { opened, open } = gate();
  let asked = 0;
  const engine = new ScriptedEngine({ tokens: ["a", "b", "c"], pause: async () => void (++asked > 1 && (await opened)) });
  await withServer(engine, {}, async (url, server) => {
    const controller = new AbortController();
    const leaving = await post(`${url}/v1/chat/completions`, { messages, stream: true }, {}, controller.signal);
    const staying = post(`${url}/v1/chat/completions`, { messages });
    await expect.poll(() => engine.running).toBe(2);
    controller.abort();
    await leaving.text().catch(() => {});
    await expect.poll(() => engine.requests[0]!.signal!.aborted).toBe(true);
    open();
    expect(await (await staying).json()).toMatchObject({ choices: [{ message: { content: "abc" } }] });
    await expect.poll(() => server.running).toBe(0);
    expect(engine.aborted).toBe(1);
  });
});

test("a reader that is too far behind is cut off", async () => {
  const engine = new ScriptedEngine({ tokens: Array.from({ length: 100 }, () => "x".repeat(300_000)), pause: () => new Promise((resolve) => setImmediate(resolve)) });
  await withServer(engine, { unreadLimitBytes: 4 * 1024 ** 2 }, async (url, server) => {
    const response = await post(`${url}/v1/chat/completions`, { messages, stream: true });
    await expect.poll(() => server.running, { timeout: 5000 }).toBe(0);
    await expect(response.text()).rejects.toThrow(/terminated/);
    expect(engine.aborted).toBe(1);
  });
});

test("a reader that keeps up reads more than the limit", async () => {
  let [written, read] = [0, 0];
  const size = 300_000;
  const isBehind = () => written - read > 5 * size;
  const keepsUp = async () => {
    while (isBehind()) await new Promise((resolve) => setTimeout(resolve, 1));
    written += size;
  };
  const engine = new ScriptedEngine({ tokens: Array.from({ length: 40 }, () => "x".repeat(size)), pause: keepsUp });
  await withServer(engine, { unreadLimitBytes: 4 * 1024 ** 2 }, async (url) => {
    const response = await post(`${url}/v1/chat/completions`, { messages, stream: true });
    let end = "";
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      read += chunk.length;
      end = (end + chunk).slice(-100);
    }
    expect(read).toBeGreaterThan(40 * size);
    expect(end).toContain("data: [DONE]");
  });
});
