import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { model, question, serveDemo } from "./served-demo.js";

const program = fileURLToPath(new URL("../programs/ai-sdk.mjs", import.meta.url));

// In a process of its own: a package that it needs publishes sources of TypeScript under the condition that tests here resolve by.
test("ai with @ai-sdk/openai-compatible: text, streamed and not", async () => {
  await using demo = await serveDemo();
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS"));
  const { stdout } = await promisify(execFile)(process.execPath, [program, demo.baseUrl, model, question], { env: { ...environment, API_KEY: demo.apiKey } });
  const { text, usage, streamed, streamedUsage } = JSON.parse(stdout) as { text: string; usage: object; streamed: string; streamedUsage: object };
  expect(text.length).toBeGreaterThan(0);
  expect(streamed).toBe(text);
  expect(usage).toMatchObject({ inputTokens: (streamedUsage as { inputTokens: number }).inputTokens });
});
