import { ChatOpenAI } from "@langchain/openai";
import { expect, test } from "vitest";
import { model, question, serveDemo } from "./served-demo.js";

test("@langchain/openai: text, streamed and not", async () => {
  await using demo = await serveDemo();
  const chat = new ChatOpenAI({ model, apiKey: demo.apiKey, maxTokens: 6, temperature: 0, maxRetries: 0, configuration: { baseURL: demo.baseUrl } });
  const { content } = await chat.invoke(question);
  expect(content).toEqual(expect.stringMatching(/./) as string);
  let streamed = "";
  for await (const chunk of await chat.stream(question)) streamed += chunk.content as string;
  expect(streamed).toBe(content);
});
