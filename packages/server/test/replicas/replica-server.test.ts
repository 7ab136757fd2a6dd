import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type ReplicaOptions, ReplicaServer } from "../../src/index.js";
import { eventsIn, post } from "../doubles/running-server.js";

const path = fileURLToPath(new URL("replica-program.mjs", import.meta.url));
const programs = ["0", "1"].map((REPLICA) => ({ path, arguments: [], environment: { REPLICA } }));
const start = (options: Partial<ReplicaOptions> = {}) => ReplicaServer.start({ port: 0, drainMilliseconds: 5000, programs, ...options });

interface Answer {
  readonly process: number;
  readonly replica: string;
  readonly forwarded: string;
}

const ask = async (url: string, body: object): Promise<Answer> => (await (await post(`${url}/v1/chat/completions`, body)).json()) as Answer;

test("requests are spread over the replicas, a conversation stays with one, and their figures are added up", async () => {
  await using server = await start();
  const document = "call me Ishmael ".repeat(200);
  const first = await ask(server.url, { prompt: document });
  const others = await Promise.all(Array.from({ length: 6 }, (_, index) => ask(server.url, { prompt: `${document} question ${index}` })));
  expect(new Set(others.map(({ process }) => process))).toEqual(new Set([first.process]));
  expect(first.forwarded).toBe("127.0.0.1");
  const session = await ask(server.url, { elastic: { session: "a" } });
  await Promise.all(Array.from({ length: 4 }, async () => expect((await ask(server.url, { elastic: { session: "a" } })).process).toBe(session.process)));
  expect(await (await fetch(`${server.url}/metrics`)).text()).toMatch(/asked_total \d\d/);
  const { data } = (await (await fetch(`${server.url}/v1/elastic/requests`)).json()) as { data: { id: number }[] };
  expect(new Set(data.map(({ id }) => id))).toEqual(new Set(server.processIds));
});

test("a replica that is full sends its request to the other", async () => {
  await using server = await start();
  for (let count = 0; count < 3; count++) expect((await ask(server.url, { full: true })).replica).toBe("1");
});

test("a replica that dies ends its streams with an error event and its other requests with 503, and comes back", async () => {
  const ends: number[] = [];
  await using server = await start({ onEnd: (_, code) => ends.push(code!), programs: programs.slice(0, 1) });
  const [before] = server.processIds;
  const stream = await post(`${server.url}/v1/chat/completions`, { stream: true, end: true });
  expect(eventsIn(await stream.text())).toEqual([{}, { error: expect.objectContaining({ code: "engine_unavailable", type: "server_error" }) as object }]);
  await expect.poll(() => server.processIds[0], { timeout: 5000 }).toBeUndefined();
  expect((await fetch(`${server.url}/health`)).status).toBe(503);
  expect((await post(`${server.url}/v1/chat/completions`, {})).status).toBe(503);
  await expect.poll(async () => (await fetch(`${server.url}/health`)).status, { timeout: 10_000 }).toBe(200);
  expect(server.processIds[0]).not.toBe(before);
  expect((await ask(server.url, {})).process).toBe(server.processIds[0]);
  const refused = await post(`${server.url}/v1/chat/completions`, { end: true });
  expect([refused.status, await refused.json()]).toMatchObject([503, { error: { code: "engine_unavailable" } }]);
  await expect.poll(() => ends).toEqual([70, 70]);
  expect(server.running).toBe(0);
});

test("a request that a replica dies of is not given to the other, which answers who asks next", async () => {
  await using server = await start();
  const before = new Set(server.processIds);
  expect((await post(`${server.url}/v1/chat/completions`, { end: true })).status).toBe(503);
  expect(before.has((await ask(server.url, {})).process)).toBe(true);
});

test("stopping lets running answers end, and takes nothing new", async () => {
  const server = await start();
  const { url } = server;
  const stream = await post(`${url}/v1/chat/completions`, { stream: true });
  const closed = server.close();
  expect((await post(`${url}/v1/chat/completions`, {})).status).toBe(503);
  expect(eventsIn(await stream.text()).at(-1)).toBe("[DONE]");
  await closed;
  await expect(fetch(`${url}/health`)).rejects.toThrow("fetch failed");
});

test("keys are asked for before a body is read, and a program that does not start is an error", async () => {
  await using server = await start({ apiKeys: ["right"] });
  expect((await post(`${server.url}/v1/chat/completions`, {}, { authorization: "Bearer wrong" })).status).toBe(401);
  expect((await post(`${server.url}/v1/chat/completions`, {}, { authorization: "Bearer right" })).status).toBe(200);
  await expect(start({ programs: [{ path: `${path}.missing`, arguments: [] }] })).rejects.toThrow("before it took requests");
});
