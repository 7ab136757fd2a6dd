import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { LocalEngine, type LocalEngineOptions } from "../../src/index.js";
import { answer, someTokens } from "../doubles/running-engine.js";
import { type TinyModelOptions, writeTinyModel } from "../doubles/tiny-model.js";

const list = (sparsity: number) => ({ version: 1 as const, description: "", scores: [[3, 1], [2, 0], [5, 4]], sparsity });
/** Heads in the sparse mode under {@link list} at one third: those of the two lowest scores. */
const listed = [[0, 1], [0, 1], [0, 0]];

/** What decided, in how many words, and which heads became sparse. */
async function decide(options: TinyModelOptions, settings: Partial<LocalEngineOptions> = {}) {
  using folder = writeTinyModel(options);
  using backend = new ReferenceBackend();
  const engine = await LocalEngine.load({ path: folder.path, backend, ...settings });
  const { finish } = await answer(engine, { tokens: someTokens(40), maxNewTokens: 1 });
  const { router, routerDescription } = engine.model;
  const { localTokens } = engine.pretrained.sizes;
  await engine[Symbol.asyncDispose]();
  expect(finish.report.router).toBe(router);
  return { router, routerDescription, localTokens, headMap: finish.report.headMap };
}

describe("what decides a model's heads", () => {
  test("learned routers come before the head list of the folder", async () => {
    const learned = await decide({ router: true });
    expect(learned).toMatchObject({ router: "learned", routerDescription: "learned routers of the checkpoint", localTokens: 8 });
    expect(await decide({ router: true, heads: list(1 / 3) })).toEqual(learned);
    expect(learned.headMap).not.toEqual(listed);
  });

  test("routers beside the checkpoint are found, with the modes they were trained for", async () => {
    expect(await decide({ router: "beside", heads: list(1 / 3) })).toMatchObject({
      router: "learned",
      routerDescription: "learned routers of routers.safetensors",
      localTokens: 12,
    });
  });

  test("a head list that was given comes before learned routers, and says so", async () => {
    for (const router of [true, "beside"] as const) {
      expect(await decide({ router }, { headList: list(1 / 3) })).toMatchObject({
        router: "static",
        routerDescription: "static head list as given, instead of the model's learned routers",
        headMap: listed,
      });
    }
  });

  test("a head list decides by itself where nothing was learned", async () => {
    expect(await decide({ heads: list(1 / 3) })).toMatchObject({ router: "static", routerDescription: "static head list heads.json", headMap: listed });
    expect(await decide({ elastic: false })).toMatchObject({ router: "none", routerDescription: "none", headMap: [[0, 0], [0, 0], [0, 0]] });
  });

  test("a list by its path; routers given beside it are refused", async () => {
    using folder = writeTinyModel({ router: "beside" });
    const path = join(folder.path, "mine.json");
    writeFileSync(path, JSON.stringify(list(1 / 3)));
    expect((await decide({ router: true }, { headList: path })).routerDescription).toBe(`static head list ${path}, instead of the model's learned routers`);
    await expect(decide({}, { headList: path, routers: join(folder.path, "routers.safetensors") })).rejects.toThrow(/Both a head list and routers/);
  });

  test("a routers file that is given comes before the one of the folder", async () => {
    using folder = writeTinyModel({ router: "beside" });
    const path = join(folder.path, "others.safetensors");
    copyFileSync(join(folder.path, "routers.safetensors"), path);
    expect((await decide({ router: "beside" }, { routers: path })).routerDescription).toBe("learned routers of others.safetensors");
  });

  test("what is no sparsity and no mode is refused, also when a request that named none came before", async () => {
    using folder = writeTinyModel({ router: true });
    using backend = new ReferenceBackend();
    await using engine = await LocalEngine.load({ path: folder.path, backend });
    const request = { tokens: someTokens(40), maxNewTokens: 1 };
    await answer(engine, request);
    await expect(answer(engine, { ...request, sparsity: NaN })).rejects.toThrow("sparsity must be between 0 and 1, found NaN.");
    await expect(answer(engine, { ...request, mode: null as unknown as "full" })).rejects.toThrow(/mode must be one of .*found null/);
  });
});
