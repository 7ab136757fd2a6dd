import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { temporaryFolder } from "@elastic-attention/fixtures";
import { expect, test } from "vitest";
import { program } from "../terminal/terminal-session.js";

interface Serving extends AsyncDisposable {
  readonly url: string;
  readonly processId: number;
  /** What it printed on standard output since it was ready: a line of JSON a request. */
  readonly lines: readonly string[];
  /** SIGTERM, then its exit code. */
  stop(): Promise<number | null>;
}

async function serve(...options: string[]): Promise<Serving> {
  const child = spawn(process.execPath, [program, "serve", "--port", "0", "--json", ...options], { stdio: ["ignore", "pipe", "inherit"] });
  const lines: string[] = [];
  const url = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => {
      const { url: ready } = JSON.parse(line) as { url?: string };
      if (ready === undefined) lines.push(line);
      else resolve(ready);
    });
    child.once("exit", (code) => reject(new Error(`serve ended with ${code}`)));
  });
  const ended = once(child, "exit") as Promise<[number | null]>;
  return {
    url,
    processId: child.pid!,
    lines,
    async stop() {
      child.kill("SIGTERM");
      return (await ended)[0];
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

interface Turn {
  readonly choices: readonly { readonly message: { readonly content: string } }[];
  readonly usage: { readonly prompt_tokens: number; readonly prompt_tokens_details: { readonly cached_tokens: number } };
}

const question = { messages: [{ role: "user", content: "What is the capital of France?" }], max_tokens: 4 };

function ask(url: string, body: object): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

test("serve answers over HTTP, shows the inspector, lets a running answer end, and ends with code 0", async () => {
  await using serving = await serve("--ui", "--sparsity", "0.5");
  const answer = (await (await ask(serving.url, question)).json()) as { choices: { message: { content: string } }[]; elastic: { msr: number } };
  expect(answer.choices[0]!.message.content).toMatch(/\w/);
  expect(answer.elastic.msr).toBe(0.5);
  expect(await (await fetch(serving.url)).text()).toContain("Elastic Attention inspector");
  const stream = await ask(serving.url, { ...question, max_tokens: 60, stream: true });
  const ended = serving.stop();
  const text = await stream.text();
  expect(text.trimEnd().endsWith("data: [DONE]")).toBe(true);
  expect(text).toContain("\"finish_reason\":\"");
  expect(await ended).toBe(0);
  expect(serving.lines.map((line) => JSON.parse(line) as object)).toContainEqual(expect.objectContaining({ path: "/v1/chat/completions", status: 200, msr: 0.5 }));
  expect(serving.lines.join("\n")).not.toContain("capital of France");
});

test("serve --reuse-answers goes on from the answer of the turn before, and --prefix-cache bounds what is kept", async () => {
  const first = [{ role: "user", content: "Tell me about the whale and the ship. ".repeat(12) }];
  const reused = async (...options: string[]) => {
    await using serving = await serve(...options);
    const one = (await (await ask(serving.url, { messages: first, max_tokens: 150, temperature: 0, logit_bias: { 1: -100 } })).json()) as Turn;
    const messages = [...first, { role: "assistant", content: one.choices[0]!.message.content }, { role: "user", content: "And the harbour?" }];
    const two = (await (await ask(serving.url, { messages, max_tokens: 2, temperature: 0 })).json()) as Turn;
    return { prompt: one.usage.prompt_tokens, cached: two.usage.prompt_tokens_details.cached_tokens };
  };
  const [answers, prompts, bounded] = [await reused("--reuse-answers"), await reused(), await reused("--prefix-cache", "1kB")];
  expect(prompts.cached).toBeLessThanOrEqual(prompts.prompt);
  expect(answers.cached).toBeGreaterThan(answers.prompt);
  expect(bounded.cached).toBe(0);
});

test("serve holds answers to a schema while they are written, and refuses by name what it cannot enforce", async () => {
  await using serving = await serve();
  const format = (schema: object) => ({ type: "json_schema", json_schema: { name: "town", strict: true, schema } });
  const schema = { type: "object", properties: { town: { enum: ["Paris", "Rome"] }, big: { type: "boolean" } }, required: ["town", "big"], additionalProperties: false };
  for (const sampling of [{}, { temperature: 1.5, seed: 4, n: 3 }]) {
    const { choices } = (await (await ask(serving.url, { ...question, max_tokens: 200, ...sampling, response_format: format(schema) })).json()) as {
      choices: { message: { content: string }; finish_reason: string }[];
    };
    for (const { message, finish_reason: reason } of choices) {
      const { town, big, ...others } = JSON.parse(message.content) as Record<string, unknown>;
      expect([["Paris", "Rome"].includes(town as string), typeof big, others, reason]).toEqual([true, "boolean", {}, "stop"]);
    }
  }
  const refused = await ask(serving.url, { ...question, response_format: format({ type: "array", uniqueItems: true }) });
  expect(refused.status).toBe(400);
  expect(await refused.text()).toContain("#/uniqueItems");
  const cut = (await (await ask(serving.url, { ...question, max_tokens: 2, response_format: { type: "json_object" } })).json()) as { choices: { finish_reason: string }[] };
  expect(cut.choices[0]!.finish_reason).toBe("length");
  expect(await serving.stop()).toBe(0);
});

test("serve says in words that its port is taken", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const child = spawn(process.execPath, [program, "serve", "--port", String(port)], { stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (data: Buffer) => (errors += data.toString()));
  const [code] = (await once(child, "exit")) as [number];
  other.close();
  expect(code).toBe(1);
  expect(errors).toMatch(new RegExp(`${port}.*(in use|taken)`));
  expect(errors).not.toMatch(/\n\s+at /);
});

test.skipIf(process.platform !== "linux")("serve --replicas answers through processes of its own, and starts one again that was killed", async () => {
  await using serving = await serve("--replicas", "2", "--threads", "1");
  const answer = await ask(serving.url, question);
  expect(answer.status).toBe(200);
  const health = async () => (await (await fetch(`${serving.url}/health`)).json()) as { status: string; replicas: string[] };
  expect(await health()).toEqual({ status: "ok", replicas: ["ok", "ok"] });
  const [first] = childrenOf(serving.processId);
  process.kill(first!, "SIGKILL");
  await expect.poll(async () => (await health()).replicas.includes("starting"), { timeout: 10_000 }).toBe(true);
  expect((await ask(serving.url, question)).status).toBe(200);
  await expect.poll(health, { timeout: 30_000 }).toEqual({ status: "ok", replicas: ["ok", "ok"] });
  expect(await (await fetch(`${serving.url}/metrics`)).text()).toMatch(/^vllm:prompt_tokens_total\{.*\} [1-9]/m);
  const children = childrenOf(serving.processId);
  expect(await serving.stop()).toBe(0);
  for (const child of children) expect(() => process.kill(child, 0)).toThrow("ESRCH");
});

test("a session is saved and restored over HTTP under the folder of the server", async () => {
  using folder = temporaryFolder("serve-sessions");
  const turn = { ...question, elastic: { session: "talk", mode: "full" } };
  {
    await using serving = await serve("--session-folder", folder.path);
    await ask(serving.url, turn);
    expect((await fetch(`${serving.url}/v1/elastic/sessions/talk/save`, { method: "POST" })).status).toBe(200);
    expect(await serving.stop()).toBe(0);
  }
  await using serving = await serve("--session-folder", folder.path);
  expect((await fetch(`${serving.url}/v1/elastic/sessions/other/restore`, { method: "POST" })).status).toBe(404);
  expect((await fetch(`${serving.url}/v1/elastic/sessions/talk/restore`, { method: "POST" })).status).toBe(200);
  expect(await serving.stop()).toBe(0);
});

test.skipIf(process.platform !== "linux")("replicas end with the process at the door, however it ends", async () => {
  const serving = await serve("--replicas", "1", "--threads", "1");
  const [child] = childrenOf(serving.processId);
  await serving[Symbol.asyncDispose]();
  await expect.poll(() => existsSync(`/proc/${child}`), { timeout: 30_000 }).toBe(false);
});

/** Processes that a process has started; Linux alone tells. */
function childrenOf(processId: number): number[] {
  return readFileSync(`/proc/${processId}/task/${processId}/children`, "utf8").trim().split(" ").filter((id) => id !== "").map(Number);
}
