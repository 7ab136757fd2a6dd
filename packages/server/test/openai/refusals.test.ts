import { ContextLengthError, InvalidRequestError } from "@elastic-attention/core";
import { describe, expect, test } from "vitest";
import { eventsIn, post, withServer } from "../doubles/running-server.js";
import { ScriptedEngine } from "../doubles/scripted-engine.js";

const messages = [{ role: "user", content: "Hello" }];
const smallest: Readonly<Record<string, object>> = {
  "chat/completions": { messages },
  completions: { prompt: "Hello" },
  responses: { input: "Hello" },
  messages: { model: "scripted", max_tokens: 5, messages },
};
const engine = () => new ScriptedEngine({ tokens: ["a"] });

interface Refusal {
  readonly error: { readonly message: string; readonly type: string; readonly param?: string | null; readonly code?: string | null };
}

describe.each(Object.keys(smallest))("/v1/%s", (route) => {
  const isAnthropic = route === "messages";
  const refused = async (url: string, fields: object, status: number): Promise<Refusal["error"]> => {
    const response = await post(`${url}/v1/${route}`, { ...smallest[route], ...fields });
    expect({ fields, status: response.status }).toEqual({ fields, status });
    const body = (await response.json()) as Refusal & { readonly type?: string };
    expect(body.type).toBe(isAnthropic ? "error" : undefined);
    return body.error;
  };

  test("answers its smallest body, and refuses another model, none of its prompt, and values of the wrong kind by name", async () => {
    await withServer(engine(), {}, async (url) => {
      expect((await post(`${url}/v1/${route}`, smallest[route])).status).toBe(200);
      const model = await refused(url, { model: "gpt-9" }, 404);
      expect(model.type).toBe(isAnthropic ? "not_found_error" : "invalid_request_error");
      if (!isAnthropic) expect([model.code, model.param]).toEqual(["model_not_found", "model"]);
      for (const [name, value] of Object.entries({ temperature: "hot", top_p: 2, stream: "yes", elastic: { sparsity: 2 }, model: 5 })) {
        const { message } = await refused(url, { [name]: value }, 400);
        expect(message).toContain(name);
      }
      const [prompt] = Object.keys(smallest[route]!).filter((name) => ["messages", "prompt", "input"].includes(name));
      for (const value of [undefined, null, [], {}, 5, [[]], [null]]) await refused(url, { [prompt!]: value }, 400);
    });
  });

  test("refuses thousands of stop texts, empty ones, and tools without a name or with one that is no name", async () => {
    await withServer(engine(), {}, async (url) => {
      const stop = isAnthropic ? "stop_sequences" : "stop";
      if (route !== "responses") for (const value of [Array.from({ length: 5000 }, () => "a"), [""], [5]]) expect((await refused(url, { [stop]: value }, 400)).message).toContain(stop);
      if (route === "completions") return;
      const tool = (name: unknown) => (isAnthropic ? { name, input_schema: {} } : route === "responses" ? { type: "function", name } : { type: "function", function: { name } });
      for (const name of [undefined, "", "two words", "a".repeat(65), 5]) expect((await refused(url, { tools: [tool(name)] }, 400)).message).toContain("tools.0");
      expect((await refused(url, { tools: Array.from({ length: 129 }, (_, index) => tool(`t${index}`)) }, 400)).message).toContain("tools");
    });
  });

  test("names the request in a header, and errors that come while it streams are its last event", async () => {
    const failing = new ScriptedEngine({ tokens: ["a"], fail: new Error("inner workings") });
    await withServer(failing, {}, async (url) => {
      const response = await post(`${url}/v1/${route}`, { ...smallest[route], stream: true }, { "x-request-id": "mine" });
      expect(response.headers.get(isAnthropic ? "request-id" : "x-request-id")).toBe("mine");
      const text = await response.text();
      expect(text).not.toContain("inner workings");
      const last = eventsIn(text).at(-1) as Refusal & { readonly type?: string };
      expect(last.error.message).toContain("its log says how");
      if (["messages", "responses"].includes(route)) expect([last.type, /^event: error$/m.test(text)]).toEqual(["error", true]);
    });
  });
});

test("what the engine refuses is told by the names that the API has for it", async () => {
  const refusing = (error: Error) => {
    const double = engine();
    double.generate = async function* () {
      yield* [];
      throw error;
    };
    return double;
  };
  const refusals: readonly [Error, object][] = [
    [new InvalidRequestError("logitBias names token 5000; the model's vocabulary has 1000 tokens."), { param: "logit_bias", message: "logit_bias names token 5000; the model's vocabulary has 1000 tokens." }],
    [new InvalidRequestError("mode must be one of full, fa-ssa, found \"x\"."), { param: "elastic.mode", message: expect.stringMatching(/^elastic\.mode must/) as string }],
    [new InvalidRequestError('Session "a" is answering another request.'), { param: "elastic.session", message: expect.stringMatching(/^Session/) as string }],
    [new ContextLengthError("Too long.", "Shorten it.", 5, 3), { code: "context_length_exceeded" }],
  ];
  for (const [error, told] of refusals) {
    await withServer(refusing(error), {}, async (url) => expect(await (await post(`${url}/v1/chat/completions`, { messages })).json()).toMatchObject({ error: told }));
  }
});

test("a share of nothing of the likeliest tokens is the likeliest", async () => {
  const double = engine();
  await withServer(double, {}, async (url) => {
    await post(`${url}/v1/chat/completions`, { messages, temperature: 1, top_p: 0, top_k: 40 });
    expect(double.requests[0]!.sampling).toEqual({ temperature: 1, topK: 1 });
  });
});

test("known fields that do nothing here are named in the header, and a combination that is not computed is refused", async () => {
  await withServer(engine(), {}, async (url) => {
    const ignored = async (route: string, fields: object) => (await post(`${url}/v1/${route}`, { ...smallest[route], ...fields })).headers.get("x-elastic-ignored");
    expect(await ignored("chat/completions", { service_tier: "auto", verbosity: "low", stream_options: { include_obfuscation: true } })).toBe("service_tier, verbosity, stream_options.include_obfuscation");
    expect(await ignored("responses", { text: { verbosity: "low" }, reasoning: { summary: "auto" } })).toBe("text.verbosity, reasoning.summary");
    expect(await ignored("messages", { thinking: { type: "enabled", budget_tokens: 1024 }, metadata: { user_id: "a" } })).toBe("thinking.budget_tokens, metadata");
    const echoed = await post(`${url}/v1/completions`, { prompt: "Hello", echo: true, logprobs: 1 });
    expect([echoed.status, await echoed.json()]).toMatchObject([400, { error: { param: "logprobs", code: "unsupported_parameter" } }]);
  });
});
