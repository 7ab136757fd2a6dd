// Prints what ai gets from a server through one of its providers: node ai-sdk.mjs PROVIDER BASE_URL MODEL QUESTION, the key in API_KEY.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { createOpenResponses } from "@ai-sdk/open-responses";
import { generateText, jsonSchema, streamText, tool } from "ai";

const [provider, baseURL, modelId, prompt] = process.argv.slice(2);
const apiKey = process.env.API_KEY;
const make = {
  "openai-compatible": () => createOpenAICompatible({ name: "elastic", baseURL, apiKey, includeUsage: true }),
  "open-responses": () => createOpenResponses({ name: "elastic", url: `${baseURL}/responses`, apiKey }),
};
const model = make[provider]()(modelId);
const settings = { model, prompt, maxOutputTokens: 6, temperature: 0, maxRetries: 0 };
const { text, usage } = await generateText(settings);
const stream = streamText(settings);
let streamed = "";
for await (const part of stream.textStream) streamed += part;

const inputSchema = jsonSchema({ type: "object", properties: { place: { enum: ["sea", "land"] } }, required: ["place"], additionalProperties: false });
const tools = { look: tool({ description: "Looks around.", inputSchema, strict: true }) };
const calling = { ...settings, maxOutputTokens: 60, tools, toolChoice: { type: "tool", toolName: "look" } };
const called = await generateText(calling);
const callStream = streamText(calling);
const pieces = [];
for await (const part of callStream.fullStream) if (part.type === "tool-input-delta") pieces.push(part.delta);
const inputs = (calls) => calls.map(({ toolName, input }) => ({ toolName, input }));
console.log(JSON.stringify({ text, usage, streamed, streamedUsage: await stream.usage, called: inputs(called.toolCalls), streamedCalls: inputs(await callStream.toolCalls), pieces }));
