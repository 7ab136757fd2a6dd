import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { CheckpointLayoutError } from "@elastic-attention/core";
import { beforeEach, describe, expect, test } from "vitest";
import { resolveModel } from "../../src/index.js";
import { temporaryFolder } from "../temporary-cache.js";
import { answerOf, startResolving } from "./child-process.js";
import { hubWith, modelName, singleFile } from "./model-repository.js";

let folder: string;
beforeEach(() => (folder = temporaryFolder()));

describe("a model at a place", () => {
  test("is its folder or its file, and the hub is not asked", async () => {
    const { hub, resolve } = await hubWith(singleFile);
    const file = join(folder, "tiny", "some.gguf");
    mkdirSync(join(folder, "tiny"));
    writeFileSync(file, "GGUF");
    expect(await resolve(file)).toEqual({ path: file, name: "some.gguf", notes: [], hub: undefined });
    expect(await resolve(join(folder, "tiny/"))).toEqual({ path: join(folder, "tiny/"), name: "tiny", notes: [], hub: undefined });
    const beside = relative(process.cwd(), join(folder, "tiny"));
    expect(await resolve(beside)).toEqual({ path: beside, name: "tiny", notes: [], hub: undefined });
    expect(hub.requests).toEqual([]);
  });

  test("wins over the hub's model of that name, which is said", async () => {
    const { hub, settings } = await hubWith(singleFile);
    mkdirSync(join(folder, modelName), { recursive: true });
    const resolve = (name: string) => answerOf(startResolving(name, settings, { cwd: folder }));
    const found = await resolve(modelName);
    expect(found).toMatchObject({ path: modelName, notes: [`${modelName} is a folder here, and is used; the hub's model of that name is ${modelName}@main.`] });
    expect([found.hub, hub.requests]).toEqual([undefined, []]);
    expect((await resolve(`${modelName}@main`)).hub!.commit).toBe(hub.commit(modelName));
  });

  test("in the home folder", async () => {
    const { settings } = await hubWith(singleFile);
    mkdirSync(join(folder, "my-model"));
    const resolve = (name: string) => answerOf(startResolving(name, settings, { environment: { HOME: folder } }));
    expect(await resolve("~/my-model")).toMatchObject({ path: join(folder, "my-model"), name: "my-model" });
    expect((await resolve("~/other")).message).toMatch(/~\/other does not exist/);
  });

  test.each(["./missing", "/missing/model", "missing", "some/where/else", "org/missing.gguf", "../missing"])("that is not there is not asked of the hub: %s", async (name) => {
    const { hub, resolve } = await hubWith(singleFile);
    await expect(resolve(name)).rejects.toThrow(CheckpointLayoutError);
    await expect(resolve(name)).rejects.toThrow(/does not exist\.\n {2}hint: Name a model folder/);
    expect(hub.requests).toEqual([]);
  });

  test("that is not there: names like it, beside it and in the cache", async () => {
    const { resolve } = await hubWith(singleFile);
    mkdirSync(join(folder, "llama-small"));
    await expect(resolve(join(folder, "lama-small"))).rejects.toThrow(`Did you mean ${join(folder, "llama-small")}?`);
    await resolve();
    await expect(resolve("smal-model")).rejects.toThrow(/Did you mean someone\/small-model\?/);
  });
});

describe("a folder of the hub's cache", () => {
  test("is the snapshot of the main branch, or the only one", async () => {
    const { hub, resolve, cache, settings } = await hubWith(singleFile);
    const { path } = await resolve();
    const snapshot = join(cache, "snapshots", hub.commit(modelName));
    expect(path).toBe(snapshot);
    hub.requests.length = 0;
    for (const given of [cache, `${cache}/`, snapshot]) expect(await resolve(given)).toMatchObject({ name: modelName, hub: undefined });
    expect((await resolve(cache)).path).toBe(snapshot);
    // As other tools lay it out, without a branch.
    const other = join(settings.cacheFolder, "models--other--model");
    mkdirSync(join(other, "snapshots", "1".repeat(40)), { recursive: true });
    expect((await resolve(other)).path).toBe(join(other, "snapshots", "1".repeat(40)));
    mkdirSync(join(other, "snapshots", "2".repeat(40)));
    await expect(resolve(other)).rejects.toThrow(/has 2 snapshots, and none is that of the main branch\.\n {2}hint: Name one of them: .*1{40}, .*2{40}\./);
    expect(hub.requests).toEqual([]);
  });

  test("without a snapshot is refused in words", async () => {
    mkdirSync(join(folder, "models--a--b/snapshots"), { recursive: true });
    await expect(resolveModel(join(folder, "models--a--b"))).rejects.toThrow(/has no snapshot\.\n {2}hint: Fetch the model: elastic-attention pull a\/b\./);
  });

  test("is found through a link", async () => {
    const { hub, resolve, cache } = await hubWith(singleFile);
    await resolve();
    const link = join(folder, "linked");
    symlinkSync(cache, link);
    expect((await resolve(link)).path).toBe(join(link, "snapshots", hub.commit(modelName)));
  });
});
