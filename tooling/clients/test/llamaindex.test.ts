import { expect, test } from "vitest";
import { clientProgram } from "./client-program.js";
import { model, question, serveDemo } from "./served-demo.js";

interface Printed {
  readonly text: string;
  readonly streamed: string;
  readonly answer: string;
  readonly calls: readonly { readonly name: string; readonly input: string | object }[];
}

test("llamaindex: a chat, streamed and not, an index asked about its documents, and a forced call of a tool", async () => {
  await using demo = await serveDemo();
  const { text, streamed, answer, calls } = await clientProgram<Printed>("llamaindex.mjs", demo, demo.baseUrl, model, question);
  expect(text.length).toBeGreaterThan(0);
  expect(streamed).toBe(text);
  expect(answer.length).toBeGreaterThan(0);
  expect(calls.map(({ name }) => name)).toEqual(["look"]);
  const { input } = calls[0]!;
  expect(typeof input === "string" ? JSON.parse(input) : input).toMatchObject({ place: expect.any(String) as string });
});
