// Prints what llamaindex gets from a server: node llamaindex.mjs BASE_URL MODEL QUESTION, the key in API_KEY.
import { OpenAI } from "@llamaindex/openai";
import { BaseEmbedding, Document, Settings, SummaryIndex, tool } from "llamaindex";

const [baseURL, model, question] = process.argv.slice(2);
const llm = new OpenAI({ model, apiKey: process.env.API_KEY, baseURL, temperature: 0, maxTokens: 6, maxRetries: 0 });
const messages = [{ role: "user", content: question }];
const whole = await llm.chat({ messages });
let streamed = "";
for await (const { delta } of await llm.chat({ messages, stream: true })) streamed += delta;

// Documents that are read with the question: no embedding is asked for, and an index wants one to be named.
class NoEmbedding extends BaseEmbedding {
  async getTextEmbedding() {
    return [1];
  }
}
Settings.llm = llm;
Settings.embedModel = new NoEmbedding();
const index = await SummaryIndex.fromDocuments([new Document({ text: "The ship is at sea. The whale is white." })]);
const answer = await index.asQueryEngine().query({ query: question });

const look = tool({ name: "look", description: "Looks around.", parameters: { type: "object", properties: { place: { type: "string", enum: ["sea", "land"] } }, required: ["place"] }, execute: () => "water" });
const caller = new OpenAI({ model, apiKey: process.env.API_KEY, baseURL, temperature: 0, maxTokens: 60, maxRetries: 0, additionalChatOptions: { tool_choice: "required", parallel_tool_calls: false } });
const called = await caller.chat({ messages, tools: [look] });
console.log(JSON.stringify({ text: whole.message.content, streamed, answer: answer.message.content, calls: called.message.options?.toolCall }));
