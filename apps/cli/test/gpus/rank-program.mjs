// One rank of the tests: opens each model in turn with the others, and the first rank prints what they compute together.
// node rank-program.mjs '{"group":…,"rank":…,"size":…,"backend":…,"dtype":…,"models":[{"path":…,"router":…,"weights":…}]}'
import { cpuProvider } from "@elastic-attention/cpu";
import { cudaProvider } from "@elastic-attention/cuda";
import { registerRankGroups } from "@elastic-attention/distributed";
import { registerModelFamilies } from "@elastic-attention/model-families";
import { registerLlama } from "@elastic-attention/model-llama";
import { registerQwen } from "@elastic-attention/model-qwen";
import { ConstantRouter, randomHeadList, SparsityDial, StaticRouter } from "@elastic-attention/router";
import { createBackend, openRankGroup, referenceProvider, registerBackend } from "@elastic-attention/tensor";
import { elasticModes, PretrainedModel } from "@elastic-attention/transformer";

registerBackend(cpuProvider);
registerBackend(cudaProvider);
registerBackend(referenceProvider);
registerQwen();
registerLlama();
registerModelFamilies();
registerRankGroups();

const { group, rank, size, backend: name, dtype, models } = JSON.parse(process.argv[2]);
const backend = await createBackend(name, { threads: 1 });
const ranks = size === 1 ? undefined : openRankGroup({ kind: "shared memory", name: group, rank, size });
const results = [];
for (const { path, router, fullShares, limit, weights = "unpacked" } of models) {
  let model;
  try {
    model = await PretrainedModel.open({ path, backend, dtype, weights, ...(ranks === undefined ? {} : { ranks }), ...(fullShares === undefined ? {} : { fullShares }) });
    // The last rank has less memory than the others.
    if (limit !== undefined && rank === size - 1) backend.setMemoryLimit(backend.memory().liveBytes + limit);
    if (rank > 0) model.follow(ranks);
    else results.push({ ...(await compute(model, router, limit === undefined ? 50 : 700)), notes: model.notes });
  } catch (error) {
    results.push({ error: `${error.name}: ${error.message}` });
  } finally {
    model?.[Symbol.dispose]();
    backend.setMemoryLimit(undefined);
  }
}
results.push({ liveAllocations: backend.memory().liveAllocations });
ranks?.[Symbol.dispose]();
console.log(JSON.stringify({ rank, results }));

function routerOf(model, kind) {
  const { retrievalMode, sparseMode } = elasticModes("fa-ssa", model.sizes);
  const { numLayers, numKeyValueHeads } = model.spec;
  const learned = model.learnedRouter(retrievalMode, sparseMode);
  if (kind === "learned") return learned;
  if (kind === "dial") return new SparsityDial({ router: learned, target: 0.6, numLayers });
  if (kind === "static") return new StaticRouter({ list: randomHeadList({ numLayers, numKeyValueHeads, seed: 3 }), retrievalMode, sparseMode });
  return kind === "sparse" ? new ConstantRouter(sparseMode, retrievalMode) : undefined;
}

/** Two prompts that are read together, one of them cut in two, then some steps; one sequence goes on as two. */
async function compute(model, kind, tokens) {
  const { decoder, spec } = model;
  const router = routerOf(model, kind);
  const routed = router === undefined ? {} : { router };
  const prompt = (length, seed) => Int32Array.from({ length }, (_, i) => (i * 7 + i * i * seed) % Math.min(spec.vocabularySize, 90));
  const caches = [decoder.createCache(), decoder.createCache({ decode: "full" })];
  const rows = [];
  const keep = (logits) => {
    rows.push(Array.from(logits.toFloat32()));
    logits.dispose();
  };
  try {
    const first = await decoder.prefill({ sequences: [{ tokens: prompt(tokens, 1), cache: caches[0], ...routed }, { tokens: prompt(23, 2), cache: caches[1], ...routed }], logitsRows: 2 });
    keep(first.logits);
    keep((await decoder.prefill({ sequences: [{ tokens: prompt(9, 3), cache: caches[0] }] })).logits);
    caches.push(decoder.forkCache(caches[0]));
    for (let step = 0; step < 3; step++) {
      for (const cache of caches) cache.makeRoom(1);
      keep(decoder.decode([3 + step, 5, 7], caches));
    }
    caches[1].undoStep(caches[1].length - 1);
    keep(decoder.decode([5], [caches[1]]));
    return { rows, routing: first.sequences.map(({ routing: { assignment, blocks } }) => ({ assignment, blocks })) };
  } finally {
    for (const cache of caches) cache.dispose();
  }
}
