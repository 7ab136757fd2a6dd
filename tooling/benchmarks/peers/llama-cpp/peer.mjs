// The llama.cpp side of the prefill and decode benchmarks. Reads one JSON request a line and answers each with one line:
//   {"load": FILE, "contextSize": N, "threads": N, "sequences": N}  -> {"seconds": s}
//   {"prefill": [ids]}                              -> {"seconds": s}           forgets what it held first
//   {"decode": count, "start": id}                  -> {"seconds": s, "tokens": [ids]}   greedy, goes on from what it holds
//   {"answers": [[ids], ...], "newTokens": N}       -> {"seconds": s}           each in a sequence of its own, batched
// node-llama-cpp is resolved from ELASTIC_ATTENTION_LLAMA_CPP (a folder with node_modules) or from this folder.
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { ELASTIC_ATTENTION_LLAMA_CPP: folder } = process.env;
const from = folder ? pathToFileURL(join(folder, "package.json")) : import.meta.url;
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(createRequire(from).resolve("node-llama-cpp")).href);

let sequence;
let all;

async function load({ load: modelPath, contextSize, threads, sequences = 1 }) {
  const llama = await getLlama({
    gpu: false,
    build: "never",
    skipDownload: true,
    maxThreads: threads,
    logLevel: LlamaLogLevel.error,
  });
  const start = performance.now();
  const model = await llama.loadModel({ modelPath });
  const seconds = (performance.now() - start) / 1000;
  const context = await model.createContext({ contextSize, threads, batchSize: 512, flashAttention: true, sequences });
  all = Array.from({ length: sequences }, () => context.getSequence());
  [sequence] = all;
  return { seconds };
}

async function prefill({ prefill: tokens }) {
  await sequence.clearHistory();
  const start = performance.now();
  await sequence.evaluateWithoutGeneratingNewTokens(tokens);
  return { seconds: (performance.now() - start) / 1000 };
}

async function decode({ decode: count, start: first }) {
  const tokens = [];
  const start = performance.now();
  for await (const token of sequence.evaluate([first], { temperature: 0, yieldEogToken: true })) {
    tokens.push(token);
    if (tokens.length >= count) break;
  }
  return { seconds: (performance.now() - start) / 1000, tokens };
}

async function answers({ answers: prompts, newTokens }) {
  for (const each of all) await each.clearHistory();
  const start = performance.now();
  await Promise.all(
    prompts.map(async (tokens, index) => {
      let count = 0;
      for await (const _token of all[index].evaluate(tokens, { temperature: 0, yieldEogToken: true })) if (++count >= newTokens) break;
    }),
  );
  return { seconds: (performance.now() - start) / 1000 };
}

async function answer(request) {
  if (request.load !== undefined) return load(request);
  if (request.prefill !== undefined) return prefill(request);
  if (request.decode !== undefined) return decode(request);
  if (request.answers !== undefined) return answers(request);
  throw new Error(`unknown request: ${JSON.stringify(request)}`);
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    console.log(JSON.stringify(await answer(JSON.parse(line))));
  } catch (error) {
    console.log(JSON.stringify({ error: error instanceof Error ? error.message : String(error) }));
  }
}
process.exit(0);
