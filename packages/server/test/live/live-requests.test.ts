import { expect, test } from "vitest";
import { eventsIn, gate, post, withServer } from "../doubles/running-server.js";
import { ScriptedEngine } from "../doubles/scripted-engine.js";

const messages = [{ role: "user", content: "Hello" }];

test("a request can be named, looked at, and followed from its beginning to its end", async () => {
  const { opened, open } = gate();
  await withServer(new ScriptedEngine({ tokens: ["a", "b"], pause: () => opened }), {}, async (url) => {
    const requests = `${url}/v1/elastic/requests`;
    const answer = await post(`${url}/v1/chat/completions`, { messages, stream: true, elastic: { sparsity: 0.5, record: true } }, { "x-request-id": "my-request" });
    expect(answer.headers.get("x-request-id")).toBe("my-request");
    await expect.poll(async () => ((await (await fetch(requests)).json()) as { data: unknown[] }).data[0]).toMatchObject({ id: "my-request", state: "running", promptTokens: 7 });
    const followed = await fetch(`${requests}/chatcmpl-my-request/events`);
    const early = await (await fetch(`${requests}/my-request`)).json();
    expect(early).toMatchObject({ format: "elastic-attention-recording", request: { sparsity: 0.5 }, events: [{ type: "progress", heads: [1, 1] }, { type: "progress", heads: [0, 1] }] });
    expect((early as { promptPieces: string[] }).promptPieces).toBeInstanceOf(Array);
    open();
    await answer.text();
    const events = eventsIn(await followed.text());
    expect(events.map(({ type }) => type)).toEqual(["progress", "progress", "token", "token", "finish"]);
    expect(eventsIn(await (await fetch(`${requests}/my-request/events`)).text())).toEqual(events);
    expect(((await (await fetch(requests)).json()) as { data: unknown[] }).data).toMatchObject([{ id: "my-request", state: "finished", newTokens: 2, modelSparsity: 0.75 }]);
    expect((await fetch(`${requests}/another`)).status).toBe(404);
    const taken = await post(`${url}/v1/chat/completions`, { messages }, { "x-request-id": "my-request" });
    expect(taken.headers.get("x-request-id")).not.toBe("my-request");
  });
});

test("the prompt's text is kept only where the request asks for it", async () => {
  await withServer(new ScriptedEngine({ tokens: ["a"] }), {}, async (url) => {
    await post(`${url}/v1/chat/completions`, { messages: [{ role: "user", content: "a secret" }] }, { "x-request-id": "quiet" });
    expect(JSON.stringify(await (await fetch(`${url}/v1/elastic/requests/quiet`)).json())).not.toContain("secret");
  });
});

test("a request is its key's own: others neither see it in the list, nor look at it, nor follow it", async () => {
  await withServer(new ScriptedEngine({ tokens: ["a"] }), { apiKeys: ["first", "second"] }, async (url) => {
    const key = (name: string) => ({ authorization: `Bearer ${name}` });
    await post(`${url}/v1/chat/completions`, { messages, elastic: { record: true } }, { ...key("first"), "x-request-id": "mine" });
    const seen = async (name: string) => {
      const list = (await (await fetch(`${url}/v1/elastic/requests`, { headers: key(name) })).json()) as { data: unknown[] };
      const statuses = await Promise.all(["mine", "chatcmpl-mine", "mine/events"].map(async (path) => (await fetch(`${url}/v1/elastic/requests/${path}`, { headers: key(name) })).status));
      return [list.data.length, ...statuses];
    };
    expect(await seen("first")).toEqual([1, 200, 200, 200]);
    expect(await seen("second")).toEqual([0, 404, 404, 404]);
  });
});

test("who follows a request with several answers, or one that fails, is told when it is over", async () => {
  for (const fail of [undefined, new Error("no")]) {
    const { opened, open } = gate();
    const engine = new ScriptedEngine({ tokens: ["a"], pause: () => opened, ...(fail === undefined ? {} : { fail }) });
    await withServer(engine, {}, async (url) => {
      const answer = post(`${url}/v1/chat/completions`, { messages, n: 2 }, { "x-request-id": "two" });
      await expect.poll(() => engine.running).toBe(1);
      const followed = await fetch(`${url}/v1/elastic/requests/two/events`);
      setTimeout(open, 20);
      expect(eventsIn(await followed.text()).at(-1)).toMatchObject({ type: fail === undefined ? "finish" : "error" });
      await (await answer).text();
    });
  }
});
