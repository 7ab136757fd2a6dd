import { readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { CheckpointLayoutError, HubNotFoundError, ModelConfigError, TokenizerError } from "@elastic-attention/core";
import { describe, expect, test } from "vitest";
import type { ModelPlan, ModelProgress } from "../../src/index.js";
import { filesBelow } from "../temporary-cache.js";
import { config, hubWith, modelName, quantised, sharded, shards, singleFile, weights } from "./model-repository.js";

const companions = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"];

describe("a model of the hub", () => {
  test("is fetched with what it needs and nothing else, the weights last", async () => {
    const { hub, resolve, fetched, cache } = await hubWith(singleFile);
    const model = await resolve();
    expect(fetched()).toEqual([...companions, "chat_template.jinja", "model.safetensors"]);
    const commit = hub.commit(modelName);
    expect(model).toMatchObject({ path: join(cache, "snapshots", commit), name: modelName, notes: [], hub: { repository: modelName, revision: "main", commit, format: "safetensors", current: true } });
    expect(readFileSync(join(model.path, "model.safetensors")).equals(weights(1))).toBe(true);
    expect(readlinkSync(join(model.path, "model.safetensors"))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
    expect(filesBelow(model.path)).toHaveLength(6);
  });

  test("is fetched without its weights where only its tokenizer is wanted, and with them afterwards", async () => {
    const { resolve, fetched } = await hubWith({ ...singleFile, "routers.safetensors": weights(12) });
    const { path } = await resolve(modelName, { weights: "left out" });
    expect(fetched()).toEqual([...companions.slice(1), "chat_template.jinja"]);
    expect(readFileSync(join(path, "tokenizer.json"), "utf8")).toBe('{"model":{}}');
    expect((await resolve()).path).toBe(path);
    expect(fetched()).toContain("model.safetensors");
  });

  test("in shards: those that its index names", async () => {
    const { resolve, fetched } = await hubWith({ ...sharded, "model-00003-of-00003.safetensors": weights(20) });
    const { hub, path } = await resolve();
    expect(fetched()).toEqual(["config.json", "model.safetensors.index.json", ...companions.slice(1), ...shards]);
    expect(hub!.files.map(({ path: each }) => each)).toEqual(["config.json", "model.safetensors.index.json", ...companions.slice(1), ...shards]);
    expect(filesBelow(path)).toHaveLength(7);
  });

  test("with an index of an older save beside a single file: the single file alone", async () => {
    const { resolve, fetched } = await hubWith({ ...sharded, "model.safetensors": weights(1) });
    const { hub } = await resolve();
    expect(fetched()).toEqual(["config.json", "model.safetensors.index.json", ...companions.slice(1), "model.safetensors"]);
    expect(hub!.files.map(({ path }) => path)).toEqual([...companions, "model.safetensors"]);
  });

  test("comes from the cache: one question for the branch and one for its files, none for a commit", async () => {
    const { hub, resolve, fetched } = await hubWith(singleFile);
    const { path, hub: origin } = await resolve();
    expect(origin!.fetchedBytes).toBeGreaterThan(50_000);
    hub.requests.length = 0;
    expect((await resolve()).hub!.fetchedBytes).toBe(0);
    expect([hub.requests.length, fetched()]).toEqual([2, []]);
    hub.requests.length = 0;
    expect(await resolve(`${modelName}@${origin!.commit}`)).toMatchObject({ path, hub: { fetchedBytes: 0 } });
    expect(hub.requests).toEqual([]);
  });

  test("moves on with its branch, and fetches what has changed", async () => {
    const { hub, resolve, fetched } = await hubWith(singleFile);
    const first = await resolve();
    hub.put(modelName, { ...singleFile, "generation_config.json": '{"eos_token_id":3}' });
    hub.requests.length = 0;
    const second = await resolve();
    expect(fetched()).toEqual(["generation_config.json"]);
    expect([first, second].map(({ path }) => readFileSync(join(path, "generation_config.json"), "utf8"))).toEqual(["{}", '{"eos_token_id":3}']);
    expect((await resolve(`${modelName}@${first.hub!.commit}`)).path).toBe(first.path);
  });

  test("tells how far it is: bytes, rate and files", async () => {
    const { resolve } = await hubWith(sharded);
    const seen: ModelProgress[] = [];
    await resolve(modelName, { onProgress: (progress) => seen.push(progress) });
    const last = seen.at(-1)!;
    expect(last).toMatchObject({ filesDone: 5, filesTotal: 5, done: last.total });
    expect(last.total).toBe(100_000 + '{}{"model":{}}{"x":1}'.length);
    expect(seen.every(({ done, total, bytesPerSecond }) => done <= total && bytesPerSecond >= 0)).toBe(true);
    expect(Array.from(new Set(seen.map(({ path }) => path)))).toEqual(["config.json", "model.safetensors.index.json", ...companions.slice(1), ...shards]);
  });
});

describe("before weights are fetched", () => {
  test("the caller may refuse the model, by its config and its size", async () => {
    const { resolve, fetched } = await hubWith({ ...sharded, "config.json": `\uFEFF${config}` });
    let plan: ModelPlan | undefined;
    const check = (given: ModelPlan) => {
      plan = given;
      throw new ModelConfigError("Not this one.");
    };
    await expect(resolve(modelName, { check })).rejects.toThrow(/Not this one/);
    expect(plan).toEqual({ name: modelName, format: "safetensors", config: { architectures: ["Some"] }, weightBytes: 100_000, files: [...companions.slice(1), ...shards] });
    expect(fetched()).toEqual(["config.json", "model.safetensors.index.json"]);
  });

  test("a missing tokenizer is refused, or taken as it is", async () => {
    const { "tokenizer.json": _, ...without } = singleFile;
    const { resolve, fetched } = await hubWith({ ...without, "vocab.json": "vocab", "merges.txt": "merges" });
    await expect(resolve()).rejects.toThrow(TokenizerError);
    await expect(resolve()).rejects.toThrow(/has no tokenizer\.json \(vocab\.json, merges\.txt alone are not read\)\.\n {2}hint: /);
    expect(fetched()).toEqual([]);
    await resolve(modelName, { tokenizer: "optional" });
    expect(fetched()).toEqual(expect.arrayContaining(["vocab.json", "merges.txt", "model.safetensors"]));
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ["in other formats", { "config.json": config, "tokenizer.json": "{}", "pytorch_model.bin": "x" }, /no weights that can be read: only pytorch_model\.bin\.\n {2}hint: .*safetensors/],
    ["that are an adapter", { "adapter_config.json": "{}", "adapter_model.safetensors": "x" }, /only adapter_model\.safetensors\.\n {2}hint: It is an adapter/],
    ["without a config", { "model.safetensors": "x" }, /hint: It has no config\.json/],
  ])("weights %s are refused", async (_, files, words) => {
    const { resolve, fetched } = await hubWith(files);
    await expect(resolve()).rejects.toThrow(CheckpointLayoutError);
    await expect(resolve()).rejects.toThrow(words);
    expect(fetched()).toEqual([]);
  });

  test.each<[string, string, RegExp]>([
    ["is not JSON", "{", /no weight_map/],
    ["names a missing shard", JSON.stringify({ weight_map: { a: "model-9.safetensors" } }), /names the shard model-9\.safetensors, which is missing/],
    ["leaves its folder", JSON.stringify({ weight_map: { a: "../model.safetensors" } }), /names the shard "\.\.\/model\.safetensors", which is not a plain file name/],
  ])("an index that %s is refused", async (_, index, words) => {
    const { resolve, fetched } = await hubWith({ ...sharded, "model.safetensors.index.json": index });
    await expect(resolve()).rejects.toThrow(words);
    expect(fetched()).toEqual(["config.json", "model.safetensors.index.json"]);
  });

  test("a config that is no object is refused", async () => {
    const { resolve } = await hubWith({ ...singleFile, "config.json": "[]" });
    await expect(resolve()).rejects.toThrow(ModelConfigError);
  });
});

describe("a GGUF repository", () => {
  test.each([
    ["Q4_K_M", ["Small-Q4_K_M.gguf"]],
    ["q4_k_m", ["Small-Q4_K_M.gguf"]],
    ["Q8_0", ["Small-q8_0.gguf"]],
    ["bf16", ["BF16/Small-BF16-00001-of-00002.gguf", "BF16/Small-BF16-00002-of-00002.gguf"]],
    ["Small-Q4_K_M.gguf", ["Small-Q4_K_M.gguf"]],
    ["Small-BF16-00002-of-00002.gguf", ["BF16/Small-BF16-00001-of-00002.gguf", "BF16/Small-BF16-00002-of-00002.gguf"]],
  ])("%s fetches one model with all its parts", async (selector, expected) => {
    const { hub, resolve, fetched, cache } = await hubWith(quantised);
    const { path, name } = await resolve(`${modelName}:${selector}`);
    expect(fetched()).toEqual(expected);
    expect([path, name]).toEqual([join(cache, "snapshots", hub.commit(modelName), expected[0]!), `${modelName}:${selector}`]);
  });

  test("of several models needs a choice, and lists them", async () => {
    const { resolve, fetched } = await hubWith(quantised);
    await expect(resolve()).rejects.toThrow(CheckpointLayoutError);
    await expect(resolve()).rejects.toThrow(
      /names 3 GGUF models: Small-Q4_K_M\.gguf \(50\.0 kB\), Small-q8_0\.gguf \(50\.0 kB\), BF16\/Small-BF16-00001-of-00002\.gguf \(100 kB\)\.\n {2}hint: Name one of them: someone\/small-model:Q4_K_M\./,
    );
    await expect(resolve(`${modelName}:Q5_K_M`)).rejects.toThrow(HubNotFoundError);
    await expect(resolve(`${modelName}:Q5_K_M`)).rejects.toThrow(/no "Q5_K_M" in model someone\/small-model\.\n {2}hint: It has Q4_K_M, q8_0, BF16\./);
    expect(fetched()).toEqual([]);
  });

  test("of one model gives it, with a projector beside it or not", async () => {
    const { resolve, fetched } = await hubWith({ "only.gguf": weights(1), "mmproj-only.gguf": weights(2), "heads.json": "{}" });
    await resolve();
    expect(fetched()).toEqual(["heads.json", "only.gguf"]);
  });

  test("that lacks a part is refused", async () => {
    const { "BF16/Small-BF16-00002-of-00002.gguf": _, ...files } = quantised;
    const { resolve, fetched } = await hubWith(files);
    await expect(resolve(`${modelName}:BF16`)).rejects.toThrow(/1 of the 2 parts/);
    expect(fetched()).toEqual([]);
  });

  test("beside safetensors is taken when it is named", async () => {
    const { resolve, fetched } = await hubWith({ ...singleFile, ...quantised });
    await resolve(`${modelName}:Q8_0`);
    expect(fetched()).toEqual(["Small-q8_0.gguf"]);
    expect((await resolve()).hub!.format).toBe("safetensors");
  });
});
