import { existsSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HubRequestError, NotCachedError } from "@elastic-attention/core";
import { describe, expect, test } from "vitest";
import { listModels, removeModel } from "../../src/index.js";
import { filesBelow } from "../temporary-cache.js";
import { hubWith, modelName, quantised, sharded, shards, singleFile, weights } from "../models/model-repository.js";

const bytesOf = (files: Readonly<Record<string, Uint8Array | string>>, names: readonly string[]) => names.reduce((sum, name) => sum + Buffer.from(files[name]!).length, 0);
const needed = ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors.index.json", ...shards];

describe("the models of a cache", () => {
  test("are listed with revision, size, last use, format and whether they are complete", async () => {
    const { hub, resolve, settings, cache } = await hubWith(sharded, { "other/quantised": quantised });
    expect(await listModels(settings)).toEqual({ cacheFolder: settings.cacheFolder, models: [], size: 0 });
    const { path } = await resolve();
    await resolve("other/quantised:q8_0");
    const used = new Date("2031-02-03T04:05:06Z");
    utimesSync(join(path, shards[0]!), used, new Date(0));
    const commit = hub.commit(modelName);
    const { models, size } = await listModels(settings);
    expect(models).toMatchObject([
      { name: "other/quantised", revisions: ["main"], size: 50_000, format: "gguf", quantisations: ["q8_0"], complete: true },
      { name: modelName, commit, revisions: ["main"], size: bytesOf(sharded, needed), lastUsed: used, format: "safetensors", quantisations: [], complete: true, folder: join(cache, "snapshots", commit) },
    ]);
    expect(size).toBeGreaterThan(150_000);
  });

  test("that lack a shard, or were fetched by half, are not complete", async () => {
    const { hub, resolve, settings } = await hubWith(sharded);
    hub.faults.cutAfter = 5_000;
    await expect(resolve()).rejects.toThrow(/cannot be reached/);
    const [half] = (await listModels(settings)).models;
    expect(half).toMatchObject({ name: modelName, complete: false, format: undefined });
  });

  test("that other tools fetched are listed too", async () => {
    const { settings } = await hubWith(singleFile);
    const folder = join(settings.cacheFolder, "models--old--bert");
    mkdirSync(join(folder, "snapshots", "a".repeat(40)), { recursive: true });
    mkdirSync(join(folder, "blobs"));
    writeFileSync(join(folder, "blobs", "x"), "weights");
    symlinkSync("../../blobs/x", join(folder, "snapshots", "a".repeat(40), "pytorch_model.bin"));
    symlinkSync("../../blobs/gone", join(folder, "snapshots", "a".repeat(40), "config.json"));
    mkdirSync(join(settings.cacheFolder, "datasets--some--data/snapshots"), { recursive: true });
    expect((await listModels(settings)).models).toMatchObject([{ name: "old/bert", revisions: [], size: 7, format: "other", complete: false }]);
  });
});

describe("removing", () => {
  test("a model frees all of it", async () => {
    const { resolve, settings, cache } = await hubWith(sharded);
    await resolve();
    const { size } = await listModels(settings);
    expect(await removeModel(modelName, settings)).toMatchObject({ name: modelName, files: [], freedBytes: size });
    expect([existsSync(cache), (await listModels(settings)).models]).toEqual([false, []]);
  });

  test("one revision keeps what another one shares with it", async () => {
    const { hub, resolve, settings, cache } = await hubWith(sharded);
    const first = await resolve();
    hub.put(modelName, { ...sharded, [shards[1]!]: weights(40, 70_000) });
    const second = await resolve();
    const removed = await removeModel(`${modelName}@${first.hub!.commit}`, settings);
    expect(removed.commits).toEqual([first.hub!.commit]);
    // The shard that only the first has, and our listing of it.
    expect(removed.freedBytes).toBeGreaterThanOrEqual(50_000);
    expect(removed.freedBytes).toBeLessThan(52_000);
    expect(await resolve(modelName, { settings: { offline: true } })).toMatchObject({ path: second.path });
    expect((await removeModel(`${modelName}@main`, settings)).commits).toEqual([second.hub!.commit]);
    expect(existsSync(cache)).toBe(false);
  });

  test("one quantisation keeps the others, with all parts of it", async () => {
    const { resolve, settings, cache } = await hubWith(quantised);
    for (const each of ["Q4_K_M", "BF16"]) await resolve(`${modelName}:${each}`);
    expect(await removeModel(`${modelName}:bf16`, settings)).toEqual({
      name: `${modelName}:bf16`, commits: [], files: ["BF16/Small-BF16-00001-of-00002.gguf", "BF16/Small-BF16-00002-of-00002.gguf"], freedBytes: 100_000,
    });
    expect(filesBelow(join(cache, "blobs"))).toHaveLength(1);
    expect((await removeModel(`${modelName}:Q4_K_M`, settings)).commits).toHaveLength(1);
    expect(existsSync(cache)).toBe(false);
  });

  test("what is not there, and what is not the cache's, is refused in words", async () => {
    const { resolve, settings } = await hubWith(singleFile);
    await expect(removeModel("some/thing", settings)).rejects.toThrow(/some\/thing is not in the cache .*has no models/s);
    await resolve();
    await expect(removeModel("someone/smal-model", settings)).rejects.toThrow(NotCachedError);
    await expect(removeModel("someone/smal-model", settings)).rejects.toThrow(/Did you mean someone\/small-model\?/);
    await expect(removeModel(`${modelName}:Q4_0`, settings)).rejects.toThrow(NotCachedError);
    await expect(removeModel(`${modelName}@v2`, settings)).rejects.toThrow(NotCachedError);
    for (const path of ["/etc", "./model", "../x", "~"]) await expect(removeModel(path, settings)).rejects.toThrow(HubRequestError);
    expect((await listModels(settings)).models).toHaveLength(1);
  });
});
