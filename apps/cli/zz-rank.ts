// node rank.mjs NAME RANK SIZE MODEL BACKEND MODE
import { registerRankGroups } from "@elastic-attention/distributed";
import { openRankGroup, referenceProvider, registerBackend, createBackend } from "@elastic-attention/tensor";
import { cpuProvider } from "@elastic-attention/cpu";
import { registerQwen } from "@elastic-attention/model-qwen";
import { registerLlama } from "@elastic-attention/model-llama";
import { registerModelFamilies } from "@elastic-attention/model-families";
import { PretrainedModel, elasticModes } from "@elastic-attention/transformer";
import { SparsityDial, StaticRouter, ConstantRouter, randomHeadList } from "@elastic-attention/router";

registerBackend(cpuProvider); registerBackend(referenceProvider); registerQwen(); registerLlama(); registerModelFamilies(); registerRankGroups();
const [name, rankText, sizeText, path, backendName, mode] = process.argv.slice(2) as [string, string, string, string, string, string];
const [rank, size] = [Number(rankText), Number(sizeText)];
const backend = await createBackend(backendName, { threads: 1 } as never);
const ranks = size === 1 ? undefined : openRankGroup({ kind: "shared memory", name, rank, size });
const dtype = (process.env["DTYPE"] ?? "f32") as "f32";
try {
  const model = await PretrainedModel.open({ path, backend, ranks, dtype, weights: (process.env["WEIGHTS"] ?? "unpacked") as never });
  if (rank > 0) {
    model.follow(ranks!);
    model[Symbol.dispose]();
  } else {
    const { retrievalMode, sparseMode } = elasticModes("fa-ssa", model.sizes);
    const { numLayers, numKeyValueHeads } = model.spec;
    const learned = model.learnedRouter(retrievalMode, sparseMode);
    const routers: Record<string, () => any> = {
      learned: () => learned,
      dial: () => new SparsityDial({ router: learned!, target: 0.6, numLayers }),
      static: () => new StaticRouter({ list: randomHeadList({ numLayers, numKeyValueHeads, seed: 3 }), retrievalMode, sparseMode }),
      sparse: () => new ConstantRouter(sparseMode, retrievalMode),
      full: () => undefined,
    };
    const router = routers[mode]!();
    const V = model.spec.vocabularySize;
    const prompt = (length: number, seed: number) => Int32Array.from({ length }, (_, i) => (i * 7 + i * i * seed) % Math.min(V, 1000));
    const caches = [model.decoder.createCache(), model.decoder.createCache()];
    const lengths = [Number(process.env["LENGTH"] ?? 300), 77];
    const begun = performance.now();
    const { logits, sequences } = await model.decoder.prefill({ sequences: caches.map((cache, i) => ({ tokens: prompt(lengths[i]!, i + 1), cache, ...(router === undefined ? {} : { router }) })) });
    const out: number[][] = [Array.from(logits.toFloat32())];
    logits.dispose();
    const middle = performance.now();
    let tokens = [3, 5];
    for (let step = 0; step < 6; step++) {
      const l = model.decoder.decode(tokens, caches);
      const f = l.toFloat32();
      out.push(Array.from(f));
      tokens = [0, 1].map((row) => { let best = 0; for (let i = 0; i < V; i++) if (f[row * V + i]! > f[row * V + best]!) best = i; return best; });
      l.dispose();
    }
    const end = performance.now();
    for (const c of caches) c.dispose();
    const times = [middle - begun, end - middle];
    model[Symbol.dispose]();
    const { writeFileSync } = await import("node:fs");
    writeFileSync(process.env["OUT"]!, JSON.stringify({ out, routing: sequences.map((s) => ({ assignment: s.routing.assignment, blocks: s.routing.blocks })), times }));
    console.log("times", times.map((t) => t.toFixed(1)), "live", backend.memory().liveAllocations);
  }
} catch (error) {
  console.log(`rank ${rank}:`, (error as Error).name, (error as Error).message);
  process.exitCode = 1;
}
ranks?.[Symbol.dispose]();
if (rank > 0) console.log("rank", rank, "live", backend.memory().liveAllocations);
backend[Symbol.dispose]();
