import { demoModelDirectory } from "@elastic-attention/demo-model";
import { type GenerationRequest, LocalEngine, Tokenizer } from "@elastic-attention/generation";
import { llamaAdapter } from "@elastic-attention/model-llama";
import type { Backend } from "@elastic-attention/tensor";
import { ModelConfig, type ModelSpec, PretrainedModel } from "@elastic-attention/transformer";
import type { Benchmark } from "../benchmark.js";
import { type Figure, figure } from "../figures/figure.js";
import { duration } from "../figures/statistics.js";
import { modelShape } from "../random-models/model-shape.js";
import { startBackend } from "../workloads/start-backend.js";

/** Requests that begin with one pinned document. */
const numRequests = 32;
/** Tokens of each question. */
const questionTokens = 64;

export const benchmark: Benchmark = {
  description: "Time to the first token of a second prompt that begins as the first, and memory of many requests on one pinned document",
  async run(options, progress) {
    using backend = await startBackend(options);
    const shape = options.shapes?.[0] ?? (options.tiny ? "tiny" : "small");
    const tokens = options.tokens?.[0] ?? (options.tiny ? 640 : 16_000);
    const figures: Figure[] = [];
    for (const document of [await secondPrompt(backend, shape, tokens), await pinnedDocument(backend, shape, 2 * tokens)]) {
      figures.push(document);
      progress(`${document.what}: ${document.ours.median.toFixed(3)} ${document.unit}`);
    }
    return { figures, notes: [`Random weights in bf16 on ${backend.device.description}, every head full.`] };
  },
};

/** Seconds to the first token of the second prompt, as a share of the first's. */
async function secondPrompt(backend: Backend, shape: string, tokens: number): Promise<Figure> {
  return withEngine(backend, shape, tokens, async (engine, spec) => {
    const document = someTokens(spec, tokens, 1);
    // Kernels are chosen before anything counts.
    await firstToken(engine, { tokens: someTokens(spec, 300, 9), prefix: "none" });
    const first = await firstToken(engine, { tokens: [...document, ...someTokens(spec, questionTokens, 2)] });
    const second = await firstToken(engine, { tokens: [...document, ...someTokens(spec, questionTokens, 3)] });
    return figure({
      what: `${shape}, prompts that share ${tokens} tokens: time to the first token of the second over that of the first`,
      unit: "of the first",
      ours: duration("second prompt", [second / first], 1),
      higherIsBetter: false,
      target: { bound: "at most", value: 1 / 20 },
      note: `${(1000 * first).toFixed(0)} ms, then ${(1000 * second).toFixed(0)} ms`,
    });
  });
}

/** Bytes of pages of requests that run at once on a pinned document, as a share of what sessions of their own take. */
async function pinnedDocument(backend: Backend, shape: string, tokens: number): Promise<Figure> {
  return withEngine(backend, shape, tokens, async (engine, spec) => {
    const document = someTokens(spec, tokens, 1);
    await firstToken(engine, { tokens: document, prefix: "pin", maxNewTokens: 0 });
    const pool = engine.pretrained.decoder.pagePool;
    const questions = Array.from({ length: numRequests }, (_, index) => [...document, ...someTokens(spec, questionTokens, index + 2)]);
    const running = questions.map((question) => engine.generate({ tokens: question, maxNewTokens: 64 })[Symbol.asyncIterator]());
    // Each has its first token, and none its last.
    await Promise.all(running.map(async (events) => { while ((await events.next()).value?.type !== "token"); }));
    const shared = pool?.report().bytesInUse ?? 0;
    await Promise.all(running.map((events) => events.return?.()));
    const alone = numRequests * engine.pretrained.decoder.fullKeyValueBytes(tokens + questionTokens);
    return figure({
      what: `${shape}, ${numRequests} requests on a pinned document of ${tokens} tokens: bytes over those of ${numRequests} sessions`,
      unit: "of the sessions",
      ours: duration("shared pages", [shared / alone], 1),
      higherIsBetter: false,
      target: { bound: "at most", value: 1 / 8 },
      note: `${(shared / 2 ** 20).toFixed(0)} MiB, alone ${(alone / 2 ** 20).toFixed(0)} MiB`,
    });
  });
}

async function withEngine(backend: Backend, name: string, tokens: number, work: (engine: LocalEngine, spec: ModelSpec) => Promise<Figure>): Promise<Figure> {
  const shape = modelShape(name);
  const config = new ModelConfig({
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    hidden_size: shape.hiddenSize,
    intermediate_size: shape.intermediateSize,
    num_hidden_layers: shape.numLayers,
    num_attention_heads: shape.numQueryHeads,
    num_key_value_heads: shape.numKeyValueHeads,
    head_dim: shape.headDim,
    vocab_size: shape.vocabularySize,
    max_position_embeddings: tokens + 1024,
    rms_norm_eps: 1e-6,
    rope_theta: 10_000,
    hidden_act: "silu",
  });
  const spec = { ...llamaAdapter.spec(config), endOfTextIds: [] };
  // No text is read or written: any tokenizer will do.
  const tokenizer = Tokenizer.load(demoModelDirectory());
  await using engine = LocalEngine.over(PretrainedModel.random({ backend, spec, dtype: "bf16" }), tokenizer, { name });
  return await work(engine, spec);
}

function someTokens({ vocabularySize }: Pick<ModelSpec, "vocabularySize">, count: number, seed: number): number[] {
  return Array.from({ length: count }, (_, index) => (index * 7919 + seed * 104_729 + index * index * seed) % vocabularySize);
}

/** Seconds until the first token, or the end where none is wanted. */
async function firstToken(engine: LocalEngine, request: GenerationRequest): Promise<number> {
  const begun = performance.now();
  for await (const event of engine.generate({ maxNewTokens: 1, ...request })) if (event.type === "token") return (performance.now() - begun) / 1000;
  return (performance.now() - begun) / 1000;
}
