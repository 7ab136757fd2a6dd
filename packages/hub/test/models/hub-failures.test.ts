import { spawnSync } from "node:child_process";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ChecksumError, DiskFullError, HubAccessError, HubNotFoundError, HubOfflineError, HubResponseError, HubUnreachableError } from "@elastic-attention/core";
import { describe, expect, test } from "vitest";
import type { ModelProgress } from "../../src/index.js";
import { filesBelow, temporaryFolder } from "../temporary-cache.js";
import { hubWith, modelName, quantised, sharded, singleFile, weights } from "./model-repository.js";

describe("access", () => {
  test("to a gated model: what to do, without a token and with one", async () => {
    const { hub, resolve } = await hubWith(singleFile);
    hub.gated.add(modelName);
    const page = `${hub.url}/${modelName}`;
    await expect(resolve()).rejects.toThrow(HubAccessError);
    await expect(resolve()).rejects.toThrow(`(401, gated).\n  hint: Accept its terms on ${page}, make an access token in the settings of that account, and set HF_TOKEN to it.`);
    const withToken = resolve(modelName, { settings: { token: "hf_mine" } });
    await expect(withToken).rejects.toThrow(`(403, gated).\n  hint: The token of HF_TOKEN has no access: accept the terms on ${page} with the account of the token.`);
  });

  test("to a private model needs its token", async () => {
    const { hub, resolve } = await hubWith(singleFile);
    hub.token = "hf_right";
    await expect(resolve()).rejects.toThrow(/\(401\)\.\n {2}hint: Check its name\. If it is private or gated/);
    await resolve(modelName, { settings: { token: "hf_right" } });
  });
});

describe("a model that is not there", () => {
  test("names the ones that are called like it, on the hub and in the cache", async () => {
    const { hub, resolve } = await hubWith(singleFile, { "someone/small-modem": singleFile, "else/small-model": singleFile, "someone/whales": singleFile });
    await expect(resolve("someone/smal-model")).rejects.toThrow(HubNotFoundError);
    await expect(resolve("someone/smal-model")).rejects.toThrow(/no model someone\/smal-model\.\n {2}hint: .*Did you mean someone\/small-model, .*\?/);
    await expect(resolve("nobody/small-model")).rejects.toThrow(/Did you mean (someone\/small-model, else\/small-model|else\/small-model, someone\/small-model)/);
    await expect(resolve("nobody/xyz")).rejects.not.toThrow(/Did you mean/);
    await resolve();
    hub.put(modelName, {});
    await expect(resolve(`${modelName}@v9`)).rejects.toThrow(/no such revision of model someone\/small-model/);
  });
});

describe("a hub that is busy or fails", () => {
  test("is asked again after the time it names, which is told", async () => {
    const { hub, resolve } = await hubWith(singleFile);
    Object.assign(hub.faults, { status: 429, times: 1, retryAfter: "1" });
    const begun = performance.now();
    const waits: ModelProgress["wait"][] = [];
    const check = () => void Object.assign(hub.faults, { status: 503, times: 2, retryAfter: "0.1" });
    await resolve(modelName, { check, onProgress: ({ wait }) => wait !== undefined && waits.push(wait) });
    expect(performance.now() - begun).toBeGreaterThan(1150);
    expect(waits).toEqual([{ status: 503, seconds: 0.1 }, { status: 503, seconds: 0.1 }]);
  });

  test.each([
    [429, "3600", /answered 429 for \/api\/models\/.*: too many requests\.\n {2}hint: Try again in 3600 s; what was fetched so far is kept; .*HF_TOKEN/],
    [500, undefined, /answered 500 for .*\n {2}hint: Try again later; what was fetched so far is kept\./],
    [503, "0.01", /answered 503/],
  ])("all the time: %i with Retry-After %s", async (status, retryAfter, words) => {
    const { hub, resolve } = await hubWith(singleFile);
    Object.assign(hub.faults, { status, ...(retryAfter === undefined ? {} : { retryAfter }) });
    await expect(resolve()).rejects.toThrow(words);
    await expect(resolve()).rejects.toThrow(HubResponseError);
    // An hour is not waited for.
    expect(hub.requests).toHaveLength(status === 429 ? 2 : 8);
  });

  test("gives way to the cache, which is said", async () => {
    const { hub, resolve } = await hubWith(singleFile);
    const first = await resolve();
    hub.faults.status = 502;
    expect(await resolve()).toEqual({ ...first, notes: [`The hub cannot be asked; ${modelName} of the cache is used, at ${hub.commit(modelName)}.`], hub: { ...first.hub, fetchedBytes: 0, current: false } });
  });
});

describe("without a network", () => {
  test("a model of the cache is used; for another one the cache's models are named", async () => {
    const { hub, resolve, settings } = await hubWith(singleFile);
    const first = await resolve();
    await hub[Symbol.asyncDispose]();
    expect(await resolve()).toMatchObject({ path: first.path, hub: { current: false } });
    await expect(resolve("someone/other")).rejects.toThrow(HubUnreachableError);
    await expect(resolve("someone/other")).rejects.toThrow(`The cache ${settings.cacheFolder} has ${modelName}.`);
    await expect(resolve("someone/other", { settings: { cacheFolder: temporaryFolder() } })).rejects.toThrow(/has no models\./);
  });

  test("HF_HUB_OFFLINE asks nothing, and says what is missing", async () => {
    const { hub, resolve } = await hubWith(sharded);
    const offline = { settings: { offline: true } };
    await expect(resolve(modelName, offline)).rejects.toThrow(HubOfflineError);
    await expect(resolve(modelName, offline)).rejects.toThrow(/model someone\/small-model is not in the cache .*HF_HUB_OFFLINE.* has no models\./s);
    expect(hub.requests).toEqual([]);
    const first = await resolve();
    expect(await resolve(modelName, offline)).toEqual({ ...first, hub: { ...first.hub, fetchedBytes: 0 } });
    await expect(resolve(`${modelName}@v2`, offline)).rejects.toThrow(/at v2 is not in the cache/);
  });

  test("a quantisation of the cache is used, another one is named as missing", async () => {
    const { resolve } = await hubWith(quantised);
    await resolve(`${modelName}:Q4_K_M`);
    expect((await resolve(`${modelName}:q4_k_m`, { settings: { offline: true } })).path).toMatch(/Small-Q4_K_M\.gguf$/);
    await expect(resolve(`${modelName}:Q8_0`, { settings: { offline: true } })).rejects.toThrow(/Small-q8_0\.gguf of model someone\/small-model at [0-9a-f]{40} is not in the cache/);
  });
});

describe("a transfer", () => {
  test("that is cut goes on where it ended; cut again and again, the next call goes on", async () => {
    const { hub, resolve, fetched, cache } = await hubWith(singleFile);
    hub.faults.cutAfter = 10_000;
    await expect(resolve()).rejects.toThrow(HubUnreachableError);
    const [part] = filesBelow(join(cache, "blobs")).filter((path) => path.endsWith(".incomplete"));
    expect(statSync(join(cache, "blobs", part!)).size).toBe(40_000);
    delete hub.faults.cutAfter;
    hub.requests.length = 0;
    const seen: ModelProgress[] = [];
    await resolve(modelName, { onProgress: (progress) => seen.push(progress) });
    expect(hub.requests.flatMap(({ range }) => range ?? [])).toContain("bytes=40000-49999");
    expect(fetched()).toEqual(["model.safetensors"]);
    expect(seen[0]).toMatchObject({ done: 40_000, total: 50_000 });
  });

  test("of other bytes is refused, and nothing of it is kept", async () => {
    const { hub, resolve, cache } = await hubWith(singleFile);
    const onProgress = ({ path }: ModelProgress) => (hub.faults.corrupt = path.endsWith(".safetensors"));
    hub.faults.corrupt = true;
    await expect(resolve(modelName, { onProgress })).rejects.toThrow(ChecksumError);
    expect(filesBelow(cache).filter((path) => /incomplete|safetensors/.test(path))).toEqual([]);
  });

  test("that is stopped keeps what it has, and the next call goes on", async () => {
    const { hub, resolve, cache } = await hubWith(singleFile);
    const controller = new AbortController();
    const onProgress = ({ done }: ModelProgress) => done >= 20_000 && controller.abort(new Error("stopped"));
    await resolve(modelName, { tokenizer: "optional", check: () => void (hub.faults.stallAfter = 20_000), onProgress, signal: controller.signal }).then(
      () => expect.unreachable(),
      (error: Error) => expect(error.message).toBe("stopped"),
    );
    expect(filesBelow(join(cache, "blobs")).filter((path) => path.endsWith(".incomplete"))).toHaveLength(1);
    delete hub.faults.stallAfter;
    hub.requests.length = 0;
    await resolve();
    expect(hub.requests.flatMap(({ range }) => range ?? [])).toContain("bytes=20000-49999");
  });
});

describe("a disk", () => {
  test("without room for all weights is found before the first of them", async () => {
    const { hub, resolve, fetched } = await hubWith(sharded);
    const check = () => expect(fetched()).toEqual(["config.json", "model.safetensors.index.json"]);
    hub.faults.listedWeights = 2 ** 50;
    await expect(resolve(modelName, { check })).rejects.toThrow(DiskFullError);
    expect(fetched()).toEqual(["config.json", "model.safetensors.index.json"]);
  });

  test("that fills up meanwhile keeps what there is, and goes on when there is room", async ({ skip }) => {
    const disk = temporaryFolder();
    skip(spawnSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]).status !== 0, "a small disk cannot be mounted here");
    try {
      const { hub, resolve } = await hubWith({ ...singleFile, "model.safetensors": weights(1, 600_000) });
      const settings = { cacheFolder: join(disk, "hub") };
      mkdirSync(settings.cacheFolder);
      hub.faults.cutAfter = 200_000;
      const fill = ({ path, done }: ModelProgress) => {
        if (path === "model.safetensors" && done > 150_000) {
          expect(() => writeFileSync(join(disk, "filler"), Buffer.alloc(2 ** 20))).toThrow(/ENOSPC/);
          delete hub.faults.cutAfter;
        }
      };
      const failure = resolve(modelName, { settings, onProgress: fill });
      await expect(failure).rejects.toThrow(DiskFullError);
      await expect(failure).rejects.toThrow(/no room in .*\n {2}hint: Free some, or point HF_HOME at a larger disk/);
      writeFileSync(join(disk, "filler"), "");
      hub.requests.length = 0;
      const { path } = await resolve(modelName, { settings });
      expect(hub.requests.some(({ range }) => /^bytes=[1-9]\d{4,}-599999$/.test(range ?? ""))).toBe(true);
      expect(statSync(join(path, "model.safetensors")).size).toBe(600_000);
      // Refused before anything is transferred.
      hub.put("someone/large", { ...singleFile, "model.safetensors": weights(2, 900_000) });
      hub.requests.length = 0;
      await expect(resolve("someone/large", { settings })).rejects.toThrow(DiskFullError);
      expect(hub.requests.filter(({ path: asked }) => asked.includes("model.safetensors"))).toEqual([]);
    } finally {
      spawnSync("umount", [disk]);
    }
  });
});
