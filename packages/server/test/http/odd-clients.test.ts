import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { ReplicaServer, type ServerOptions, startServer } from "../../src/index.js";
import { bodyOf, chatRequest, rawRequest } from "../doubles/raw-request.js";
import { ScriptedEngine } from "../doubles/scripted-engine.js";

const body = JSON.stringify({ messages: [{ role: "user", content: "Hello" }], stream: true });
const path = fileURLToPath(new URL("../replicas/replica-program.mjs", import.meta.url));

type Options = Pick<ServerOptions, "apiKeys" | "requestTimeoutMilliseconds" | "bodyLimitBytes">;
const doors: readonly [string, (options?: Options) => Promise<AsyncDisposable & { readonly url: string; readonly running: number }>][] = [
  ["a server", (options) => startServer(new ScriptedEngine({ tokens: ["a"] }), { port: 0, drainMilliseconds: 500, ...options })],
  ["a door in front of replicas", (options) => ReplicaServer.start({ port: 0, drainMilliseconds: 5000, programs: [{ path, arguments: [] }], ...options })],
];

describe.each(doors)("%s", (_, start) => {
  test("answers clients of HTTP/1.0 and closes the connection", async () => {
    await using server = await start();
    const answer = await rawRequest(server.url, chatRequest(body, "1.0"));
    expect(answer).toMatch(/^HTTP\/1\.1 200/);
    expect(answer).not.toMatch(/transfer-encoding: chunked/i);
    expect(answer).toContain("data: [DONE]");
  });

  test("tells clients that expect 100-continue to go on, and refuses other expectations", async () => {
    await using server = await start();
    const answer = await rawRequest(server.url, chatRequest(body, "1.1", ["expect: 100-continue", "connection: close"]));
    expect(answer).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200/);
    expect(await rawRequest(server.url, chatRequest(body, "1.1", ["expect: a-miracle", "connection: close"]))).toMatch(/^HTTP\/1\.1 417/);
  });

  test("cuts off who says nothing, who never ends its headers, and who never ends its body", async () => {
    await using server = await start({ requestTimeoutMilliseconds: 300 });
    const slowly = { milliseconds: 8000, pause: 50 };
    const drops = Array.from({ length: 100 }, () => "x");
    const slow = [
      rawRequest(server.url, [], slowly),
      rawRequest(server.url, ["POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nx-slow: ", ...drops], slowly),
      rawRequest(server.url, ["POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{", ...drops], slowly),
    ];
    const begun = performance.now();
    const [silent, , unended] = await Promise.all(slow);
    expect(performance.now() - begun).toBeLessThan(7000);
    expect(bodyOf(unended!)).toMatchObject({ error: { type: "invalid_request_error" } });
    expect(silent).toMatch(/^(?:HTTP\/1\.1 408|$)/);
    expect(server.running).toBe(0);
  });

  test("answers in JSON what is no HTTP, has headers without end, or a path that cannot be decoded", async () => {
    await using server = await start();
    const odd: readonly [string, number][] = [
      ["Good day\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\n\r\n", 400],
      [`GET /health HTTP/1.1\r\nhost: a\r\nx-long: ${"x".repeat(100_000)}\r\n\r\n`, 431],
      ["GET /v1/models/%zz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", 400],
      [chatRequest(body, "1.1", ["content-length: 3"]), 400],
      [chatRequest(body, "1.1", ["transfer-encoding: chunked"]), 400],
    ];
    for (const [text, status] of odd) {
      const answer = await rawRequest(server.url, text);
      expect([text.slice(0, 60), answer.slice(0, 12)]).toEqual([text.slice(0, 60), `HTTP/1.1 ${status}`]);
      if (answer.includes("application/json")) expect(bodyOf(answer)).toMatchObject({ error: { message: expect.any(String) as string, type: "invalid_request_error" } });
    }
  });

  test("forgets who leaves while its body is on the way, and goes on", async () => {
    await using server = await start();
    for (let count = 0; count < 20; count++) {
      const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
      socket.on("error", () => {});
      socket.write(chatRequest(body).slice(0, -5), () => socket.resetAndDestroy());
    }
    await expect.poll(() => server.running).toBe(0);
    expect(await rawRequest(server.url, chatRequest(body, "1.1", ["connection: close"]))).toContain("data: [DONE]");
  });

  test("refuses a body beyond the limit without reading it, and a wrong key before it", async () => {
    await using server = await start({ bodyLimitBytes: 1000, apiKeys: ["right"] });
    const head = (length: number, key: string) => `POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nauthorization: Bearer ${key}\r\ncontent-length: ${length}\r\n\r\n{`;
    const large = await rawRequest(server.url, head(1_000_000, "right"), { milliseconds: 1000 });
    expect([large.slice(0, 12), bodyOf(large)]).toMatchObject(["HTTP/1.1 413", { error: { type: "invalid_request_error" } }]);
    const wrong = await rawRequest(server.url, head(500, "wrong"), { milliseconds: 1000 });
    expect([wrong.slice(0, 12), bodyOf(wrong)]).toMatchObject(["HTTP/1.1 401", { error: { code: "invalid_api_key" } }]);
  });
});
