// Prints what ai with @ai-sdk/openai-compatible gets from a server: node ai-sdk.mjs BASE_URL MODEL QUESTION, the key in API_KEY.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";

const [baseURL, model, prompt] = process.argv.slice(2);
const provider = createOpenAICompatible({ name: "elastic", baseURL, apiKey: process.env.API_KEY, includeUsage: true });
const settings = { model: provider(model), prompt, maxOutputTokens: 6, temperature: 0, maxRetries: 0 };
const { text, usage } = await generateText(settings);
const stream = streamText(settings);
let streamed = "";
for await (const part of stream.textStream) streamed += part;
console.log(JSON.stringify({ text, usage, streamed, streamedUsage: await stream.usage }));
