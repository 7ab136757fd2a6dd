import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { demoModelDirectory } from "@elastic-attention/demo-model";
import { randomSchema, signedRandom } from "@elastic-attention/fixtures";
import { Ajv2020 } from "ajv/dist/2020.js";
import { expect, test } from "vitest";
import { post, question, serveDemo } from "../served-demo.js";
import { logWith, scaled, testTimeout } from "./acceptance.js";

interface ChatAnswer {
  readonly choices: readonly { readonly message: { readonly content: string }; readonly finish_reason: string }[];
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number; readonly total_tokens: number };
}

const messages = [{ role: "user", content: question }];

test(
  "4. clients that leave while their prompts are read, while they are answered and in the queue change nothing of what another reads",
  async () => {
    await using demo = await serveDemo({ engine: { maximumBatch: 3, prefixCache: { enabled: false } }, server: { maximumRunning: 3 } });
    const long = { messages: [{ role: "user", content: logWith("Nothing.", scaled(6000, 1500)) }], max_tokens: 50 };
    const settings = { messages, temperature: 0.8, seed: 5, max_tokens: scaled(200, 60), logit_bias: { 1: -100 }, stream: true };
    const alone = contentOf(await (await post(demo, "chat/completions", settings)).text());
    const controllers = Array.from({ length: 6 }, () => new AbortController());
    const reader = post(demo, "chat/completions", settings).then((response) => response.text());
    // Read, answered, and beyond the batch: waiting.
    const leaving = controllers.map(({ signal }, index) => post(demo, "chat/completions", index < 2 ? long : { ...settings, seed: index }, signal).then((response) => response.text()).catch(() => "left"));
    for (const [index, controller] of controllers.entries()) setTimeout(() => controller.abort(), 30 + 60 * index);
    expect(contentOf(await reader)).toBe(alone);
    await Promise.all(leaving);
    await expect.poll(async () => { const { queued, prefilling, decoding } = await demo.engine.report(); return queued + prefilling + decoding; }).toBe(0);
    expect(demo.server.running).toBe(0);
    expect(demo.engine.pretrained.decoder.pagePool!.report().pagesInUse).toBe(0);
  },
  testTimeout,
);

test(
  "6. an answer without a limit that reaches the context's end says length, and has filled the context exactly",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "short-context-"));
    try {
      // The short form has a shorter context: the weights are the same.
      cpSync(demoModelDirectory(), folder, { recursive: true });
      const config = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as object;
      const contextLength = scaled(16_384, 400);
      writeFileSync(join(folder, "config.json"), JSON.stringify({ ...config, max_position_embeddings: contextLength }));
      await using demo = await serveDemo({ engine: { path: folder } });
      const content = logWith("Nothing.", contextLength - 250);
      const body = { messages: [{ role: "user", content }], temperature: 0, logit_bias: { 1: -100 } };
      const { choices, usage } = (await (await post(demo, "chat/completions", body)).json()) as ChatAnswer;
      expect([choices[0]!.finish_reason, usage.total_tokens]).toEqual(["length", contextLength]);
      expect(usage.completion_tokens).toBe(contextLength - usage.prompt_tokens);
      // What comes first is what comes first of a short answer: nothing was shifted or begun again.
      const short = (await (await post(demo, "chat/completions", { ...body, max_tokens: 20 })).json()) as ChatAnswer;
      expect(choices[0]!.message.content.startsWith(short.choices[0]!.message.content)).toBe(true);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
  testTimeout,
);

test(
  "8. strict JSON schemas: every answer parses and is valid",
  async () => {
    await using demo = await serveDemo();
    const ajv = new Ajv2020({ strict: false });
    const count = scaled(200, 6);
    let finished = 0;
    for (let seed = 1; seed <= count; seed++) {
      // Texts without a length may go on to the answer's limit, and then say so.
      const schema = withShortTexts(randomSchema(signedRandom(seed))) as object;
      const body = { messages, temperature: 1, seed, max_tokens: 1500, response_format: { type: "json_schema", json_schema: { name: "answer", strict: true, schema } } };
      const response = await post(demo, "chat/completions", body);
      const text = await response.text();
      expect(response.status, `answered ${text}`).toBe(200);
      const [choice] = (JSON.parse(text) as ChatAnswer).choices;
      if (choice!.finish_reason === "length") continue;
      finished += 1;
      expect(ajv.compile(schema)(JSON.parse(choice!.message.content)), `${JSON.stringify(schema)}\n${choice!.message.content}`).toBe(true);
    }
    console.log(`${finished} of ${count} answers ended by themselves, each valid`);
    expect(finished).toBe(count);
  },
  testTimeout,
);

/** Numbers and texts of JSON have no end by themselves: a small model may never come to it. */
function withShortTexts(schema: unknown): unknown {
  if (typeof schema !== "object" || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map(withShortTexts);
  const { type, pattern, minLength } = schema as Record<string, unknown>;
  const entries = Object.entries(schema).map(([key, value]) => [key, key === "enum" || key === "const" ? value : withShortTexts(value)] as const);
  const bounded = type === "string" && pattern === undefined && minLength === undefined ? { maxLength: 20 } : type === "number" ? { type: "integer", minimum: -1000, maximum: 1000 } : {};
  return { ...Object.fromEntries(entries), ...bounded };
}

function contentOf(stream: string): string {
  const chunks = stream.split("\n\n").flatMap((event) => (event.startsWith("data: {") ? [JSON.parse(event.slice(6)) as { choices: { delta?: { content?: string } }[] }] : []));
  return chunks.map(({ choices }) => choices[0]?.delta?.content ?? "").join("");
}
