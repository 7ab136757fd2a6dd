import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { InvalidRequestError, WorkerEngine } from "../src/index.js";
import { writeTinyModel } from "./tiny-model.js";

const workspace = fileURLToPath(new URL("../../..", import.meta.url));
const built = existsSync(join(workspace, "packages/generation/dist/engine-worker.js"));

/** A module that registers what the tiny model needs, from the built packages: worker threads do not read TypeScript. */
function setupModule(folder: string): string {
  const path = join(folder, "setup.mjs");
  const url = (name: string) => JSON.stringify(pathToFileURL(join(workspace, "packages", name, "dist/index.js")).href);
  writeFileSync(
    path,
    `import { registerBackend, referenceProvider } from ${url("tensor")};\nimport { registerQwen } from ${url("model-qwen")};\n` +
      "export default () => { registerBackend(referenceProvider); registerQwen(); };\n",
  );
  return pathToFileURL(path).href;
}

// `pnpm test` builds first; a bare vitest run in a fresh clone has no worker program yet.
describe.skipIf(!built)("the engine in a worker thread", () => {
  test("answers like the local one, reports, refuses, aborts and ends", async () => {
    using folder = writeTinyModel();
    const layers: number[] = [];
    const engine = await WorkerEngine.load({
      setup: [setupModule(folder.path)],
      path: folder.path,
      backend: "reference",
      onProgress: (done) => layers.push(done),
    });
    expect(layers).toEqual([1, 2, 3]);
    expect(engine.model).toMatchObject({ numLayers: 3, backend: "reference", router: "none" });
    expect(await engine.tokenize({ prompt: "Hello" })).toBeInstanceOf(Int32Array);
    const types: string[] = [];
    for await (const event of engine.generate({ prompt: "Hello", maxNewTokens: 3 })) types.push(event.type);
    expect(types.join(" ")).toMatch(/^(progress ){3}(token ){1,3}finish$/);
    const refused = async () => {
      for await (const _event of engine.generate({ prompt: "a", sparsity: 7 }));
    };
    await expect(refused()).rejects.toBeInstanceOf(InvalidRequestError);
    await expect(refused()).rejects.toMatchObject({ code: "INVALID_REQUEST", name: "InvalidRequestError" });
    const controller = new AbortController();
    let reason: string | undefined;
    for await (const event of engine.generate({ prompt: "Hello", maxNewTokens: 100, signal: controller.signal })) {
      if (event.type === "token") controller.abort();
      if (event.type === "finish") reason = event.reason;
    }
    expect(reason).toBe("aborted");
    await engine[Symbol.asyncDispose]();
    await expect(engine.tokenize({ prompt: "a" })).rejects.toMatchObject({ code: "DISPOSED" });
  });

  test("brings the errors of loading across, typed", async () => {
    await expect(WorkerEngine.load({ setup: [], path: "/nonexistent", backend: "reference" })).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE" });
    await expect(WorkerEngine.load({ setup: ["file:///nonexistent.mjs"], path: "/", backend: "x" })).rejects.toMatchObject({ code: "ENGINE_WORKER" });
  });
});
