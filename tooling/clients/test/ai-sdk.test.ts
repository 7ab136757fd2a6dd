import { expect, test } from "vitest";
import { clientProgram } from "./client-program.js";
import { model, question, serveDemo } from "./served-demo.js";

interface Printed {
  readonly text: string;
  readonly streamed: string;
  readonly usage: { readonly inputTokens: number };
  readonly streamedUsage: { readonly inputTokens: number };
  readonly called: readonly object[];
  readonly streamedCalls: readonly object[];
  readonly pieces: readonly string[];
}

// The provider of the Responses API tells of a call's arguments when they are whole.
test.each([["openai-compatible", 2], ["open-responses", 0]] as const)("ai with @ai-sdk/%s: text and a forced call of a tool, streamed and not", async (provider, leastPieces) => {
  await using demo = await serveDemo();
  const { text, streamed, usage, streamedUsage, called, streamedCalls, pieces } = await clientProgram<Printed>("ai-sdk.mjs", demo, provider, demo.baseUrl, model, question);
  expect(text.length).toBeGreaterThan(0);
  expect(streamed).toBe(text);
  expect(usage.inputTokens).toBe(streamedUsage.inputTokens);
  expect(called).toEqual([{ toolName: "look", input: { place: expect.stringMatching(/^(sea|land)$/) as string } }]);
  expect(streamedCalls).toEqual(called);
  expect(pieces.length).toBeGreaterThanOrEqual(leastPieces);
});
