import { connect } from "node:net";
import { expect, test } from "vitest";
import { isDeeper } from "../../src/http/json-body.js";
import { post, withServer } from "../doubles/running-server.js";
import { ScriptedEngine } from "../doubles/scripted-engine.js";

const messages = [{ role: "user", content: "Hello" }];
const engine = () => new ScriptedEngine({ tokens: ["a"] });

test("bodies that are no JSON, empty, too large, too deep, hostile or of another type are refused with a status", async () => {
  await withServer(engine(), { bodyLimitBytes: 10_000 }, async (url) => {
    const chat = `${url}/v1/chat/completions`;
    const status = async (body: string, headers?: Record<string, string>) => (await post(chat, body, headers)).status;
    expect(await status("{not JSON")).toBe(400);
    expect(await status("")).toBe(400);
    expect(await status("null")).toBe(400);
    expect(await status("[]")).toBe(400);
    expect(await status("x".repeat(20_000))).toBe(413);
    expect(await status(`{"messages":${"[".repeat(200)}${"]".repeat(200)}}`)).toBe(400);
    expect(await status('{"__proto__": {"a": 1}, "messages": []}')).toBe(400);
    expect(await status("messages=1", { "content-type": "application/x-www-form-urlencoded" })).toBe(415);
    const code = async (body: string, headers?: Record<string, string>) => ((await (await post(chat, body, headers)).json()) as { error: { code: string } }).error.code;
    expect([await code("{"), await code(""), await code("a", { "content-type": "text/xml" }), await code("x".repeat(20_000))]).toEqual(["invalid_json", "invalid_json", "unsupported_media_type", "body_too_large"]);
    expect((await fetch(`${url}/v1/../etc/passwd`)).status).toBe(404);
    expect((await fetch(chat)).status).toBe(404);
    expect(await status(JSON.stringify({ messages }))).toBe(200);
  });
});

test("the depth of a text is found without parsing it, brackets in strings aside", () => {
  expect(isDeeper('{"a":[1,{"b":"[[[[\\"[[["}]}', 3)).toBe(false);
  expect(isDeeper('{"a":[1,{"b":"[[[["}]}', 2)).toBe(true);
  expect(isDeeper("[".repeat(1e6), 64)).toBe(true);
  expect(isDeeper('"\\\\"[[', 1)).toBe(true);
  expect(isDeeper('"never closed [[[', 1)).toBe(false);
});

test("prompts with lone surrogates and odd characters reach the engine as they are", async () => {
  const scripted = engine();
  await withServer(scripted, {}, async (url) => {
    expect((await post(`${url}/v1/chat/completions`, String.raw`{"messages":[{"role":"user","content":"a\ud800b\u0000"}]}`)).status).toBe(200);
    expect(scripted.requests[0]!.messages![0]!.content).toBe("a\ud800b\u0000");
  });
});

test("keys: wrong by a byte, missing, and right in either header; probes need none", async () => {
  await withServer(engine(), { apiKeys: ["correct-key", "other-key"] }, async (url) => {
    const status = async (headers: Record<string, string>) => (await fetch(`${url}/v1/models`, { headers })).status;
    expect(await status({})).toBe(401);
    for (const wrong of ["correct-kez", "correct-ke", "correct-key1", "CORRECT-KEY"]) expect(await status({ authorization: `Bearer ${wrong}` })).toBe(401);
    expect(await status({ authorization: "Bearer other-key" })).toBe(200);
    expect(await status({ "x-api-key": "correct-key" })).toBe(200);
    for (const path of ["metrics", "openapi.json", "v1/elastic/requests"]) expect((await fetch(`${url}/${path}`)).status).toBe(401);
    for (const path of ["health", "ready"]) expect((await fetch(`${url}/${path}`)).status).toBe(200);
  });
});

test("a page of another origin may ask only where it was named", async () => {
  const origin = { origin: "https://a.example" };
  await withServer(engine(), {}, async (url) => expect((await fetch(`${url}/health`, { headers: origin })).headers.get("access-control-allow-origin")).toBeNull());
  await withServer(engine(), { corsOrigins: ["https://a.example"] }, async (url) => {
    expect((await fetch(`${url}/health`, { headers: origin })).headers.get("access-control-allow-origin")).toBe("https://a.example");
    expect((await fetch(`${url}/health`, { headers: { origin: "https://b.example" } })).headers.get("access-control-allow-origin")).not.toBe("https://b.example");
  });
});

test("a thousand idle connections keep nobody from an answer", async () => {
  await withServer(engine(), {}, async (url) => {
    const { hostname, port } = new URL(url);
    const idle = await Promise.all(
      Array.from({ length: 1000 }, async () => {
        const socket = connect(Number(port), hostname);
        socket.on("error", () => {});
        await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
        return socket;
      }),
    );
    const begun = performance.now();
    expect((await post(`${url}/v1/chat/completions`, { messages })).status).toBe(200);
    expect(performance.now() - begun).toBeLessThan(5000);
    for (const socket of idle) socket.destroy();
  });
});
