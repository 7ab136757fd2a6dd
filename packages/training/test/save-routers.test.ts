import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ShapeError, TrainingConfigError, UnsupportedRouterError } from "@elastic-attention/core";
import { registerQwen } from "@elastic-attention/model-qwen";
import { loadRouterWeights } from "@elastic-attention/router";
import { ReferenceBackend, SafetensorsCheckpoint, SafetensorsFile, toBFloat16, fromBFloat16 } from "@elastic-attention/tensor";
import { checkpointHash, hostFloats, huggingFaceWeightName, PretrainedModel } from "@elastic-attention/transformer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inferenceTensors, publishedTasks, RouterParameters, savePawCheckpoint, saveRouterFile, SparsityObjective } from "../src/index.js";

registerQwen();
const base = fileURLToPath(new URL("../../demo-model/model", import.meta.url));
const adapter = { weightName: huggingFaceWeightName };
const shape = { numLayers: 12, headDim: 64, width: 8, classes: 2 } as const;
const pooling = { kind: "boundary", tokens: 50 } as const;
const retrievalMode = { kind: "xattention", stride: 8, threshold: 0.85, blockSize: 64 } as const;
const sparseMode = { kind: "streaming", sinkTokens: 64, localTokens: 256, blockSize: 64 } as const;

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "routers-"))));
afterAll(() => rmSync(folder, { recursive: true }));

/** The values that a backend's routers hold, through the loader of inference. */
function loaded(path: string, layers = shape.numLayers): RouterParameters {
  const backend = new ReferenceBackend();
  using checkpoint = SafetensorsCheckpoint.open(path);
  const weights = Array.from({ length: layers }, (_, layer) => loadRouterWeights(checkpoint, huggingFaceWeightName("router", layer), backend, shape.headDim, hostFloats));
  const parameters = RouterParameters.fromWeights(weights);
  for (const each of weights) each[Symbol.dispose]();
  expect(backend.memory().liveAllocations).toBe(0);
  return parameters;
}

describe("routers alone", () => {
  test("come back as they were, with the modes they were trained for", async () => {
    const parameters = RouterParameters.initialize(shape, 3);
    const path = join(folder, "routers.safetensors");
    saveRouterFile(path, { parameters, adapter, retrievalMode, sparseMode, pooling });
    expect(loaded(path).layers).toEqual(parameters.layers);
    using backend = new ReferenceBackend();
    using model = await PretrainedModel.open({ path: base, backend, routers: path });
    expect(model.hasLearnedRouter).toBe(true);
    expect(model.spec.elastic).toEqual({ retrievalMode, sparseMode });
    expect(model.sizes).toMatchObject({ sinkTokens: 64, localTokens: 256, blockSize: 64, stride: 8, threshold: 0.85 });
    expect(model.learnedRouter(retrievalMode, sparseMode)!.parameters).toBe(parameters.count);
  });

  test("of modes that have no published name come back with them, and no published checkpoint is made of them", async () => {
    const parameters = RouterParameters.initialize(shape, 3);
    const path = join(folder, "routers-pages.safetensors");
    const pair = {
      retrievalMode: { kind: "full" },
      sparseMode: { kind: "pages", sinkTokens: 64, localTokens: 256, pageTokens: 32, budget: 0.125 },
    } as const;
    saveRouterFile(path, { parameters, adapter, ...pair, pooling });
    using backend = new ReferenceBackend();
    using model = await PretrainedModel.open({ path: base, backend, routers: path });
    expect(model.spec.elastic).toEqual(pair);
    const paw = { parameters, adapter, ...pair, pooling, base };
    expect(() => savePawCheckpoint(join(folder, "pages"), paw)).toThrow(TrainingConfigError);
    expect(() => savePawCheckpoint(join(folder, "pages"), paw)).toThrow(/no names for the modes "full" and "pages"/);
    saveRouterFile(path, { parameters, adapter, retrievalMode: { kind: "full" }, sparseMode: { ...pair.sparseMode, budget: 0 }, pooling });
    await expect(PretrainedModel.open({ path: base, backend, routers: path })).rejects.toThrow(/elastic_modes must be modes that are known: pages: budget/);
  });

  test("of another checkpoint are refused by its hash and name, and those of this one are taken", async () => {
    const parameters = RouterParameters.initialize(shape, 3);
    const path = join(folder, "routers-of.safetensors");
    using backend = new ReferenceBackend();
    using checkpoint = SafetensorsCheckpoint.open(base);
    const hash = checkpointHash(checkpoint, adapter)!;
    const save = (own: string) => saveRouterFile(path, { parameters, adapter, retrievalMode, sparseMode, pooling, trainedOn: { name: "Another-1B", hash: own } });
    save(hash);
    using model = await PretrainedModel.open({ path: base, backend, routers: path });
    expect(model.hasLearnedRouter).toBe(true);
    save("0123456789abcdef");
    await expect(PretrainedModel.open({ path: base, backend, routers: path })).rejects.toThrow(`routers of another checkpoint, Another-1B (hash 0123456789abcdef, this one has ${hash})`);
    await expect(PretrainedModel.open({ path: base, backend, routers: path })).rejects.toThrow(UnsupportedRouterError);
  });

  test("in bf16 are rounded to nearest", () => {
    const parameters = RouterParameters.initialize(shape, 3);
    const path = join(folder, "routers-bf16.safetensors");
    saveRouterFile(path, { parameters, adapter, retrievalMode, sparseMode, pooling, dtype: "bf16" });
    expect(loaded(path).layers[5]).toEqual(parameters.layers[5]!.map((value) => fromBFloat16(toBFloat16(value))));
  });

  test("of another number of layers are refused", async () => {
    using backend = new ReferenceBackend();
    for (const numLayers of [11, 13]) {
      const path = join(folder, `routers-${numLayers}.safetensors`);
      saveRouterFile(path, { parameters: RouterParameters.initialize({ ...shape, numLayers }, 1), adapter, retrievalMode, sparseMode, pooling });
      await expect(PretrainedModel.open({ path: base, backend, routers: path })).rejects.toThrow(ShapeError);
    }
    expect(backend.memory().liveAllocations).toBe(0);
  });
});

test("a sigmoid router decides the same as two classes", () => {
  const parameters = RouterParameters.initialize({ ...shape, classes: 1 }, 4);
  const tensors = inferenceTensors(parameters, 0);
  const [weight, bias] = tensors.slice(-2);
  expect([weight!.shape, bias!.shape]).toEqual([[2, 64], [2]]);
  expect([...weight!.values.subarray(0, 64)]).toEqual(Array.from({ length: 64 }, () => 0));
  expect(weight!.values.subarray(64)).toEqual(parameters.tensors(0).at(-2)!.values);
});

describe("a checkpoint in the published layout", () => {
  test("has the published names and keys, and our loader reads it back", async () => {
    const parameters = RouterParameters.initialize(shape, 9);
    const objective = new SparsityObjective({ tasks: publishedTasks, seed: 1 });
    const directory = join(folder, "paw");
    savePawCheckpoint(directory, { base, parameters, adapter, objective, retrievalMode: { kind: "full" }, sparseMode, pooling: { kind: "boundary", tokens: 100 } });
    const config = JSON.parse(readFileSync(join(directory, "config.json"), "utf8")) as Record<string, unknown>;
    expect(config).toMatchObject({
      architectures: ["PawQwen3ForCausalLM"],
      model_type: "qwen3",
      toggle_type: "streaming",
      retrieval_mode: "full",
      pooling_mode: "ctx_q",
      use_softmax: true,
      sink_size: 64,
      local_window_size: 256,
      block_size: 64,
    });
    expect(config["router_pooling_tokens"]).toBeUndefined();
    using shard = SafetensorsFile.open(join(directory, "model-routers.safetensors"));
    expect(shard.entry("model.layers.11.self_attn.mask_allocator.cls_router_head_agnostic.4.weight").shape).toEqual([2, 64]);
    expect(shard.entry("model.sparsity_lambda1_task").shape).toEqual([5]);
    expect(loaded(directory).layers).toEqual(parameters.layers);
    using backend = new ReferenceBackend();
    using model = await PretrainedModel.open({ path: directory, backend });
    expect([model.spec.architecture, model.hasLearnedRouter]).toEqual(["PawQwen3ForCausalLM", true]);
    expect(model.spec.elastic).toEqual({ retrievalMode: { kind: "full" }, sparseMode });
  });

  test("never takes the place of a folder, and a failure leaves none", () => {
    const parameters = RouterParameters.initialize(shape, 9);
    const options = { parameters, adapter, retrievalMode, sparseMode, pooling };
    expect(() => savePawCheckpoint(folder, { ...options, base })).toThrow(TrainingConfigError);
    const onPaw = join(folder, "twice");
    expect(() => savePawCheckpoint(onPaw, { ...options, base: join(folder, "paw") })).toThrow(/routers of its own/);
    expect(() => SafetensorsCheckpoint.open(onPaw)).toThrow(/does not exist/);
  });
});
