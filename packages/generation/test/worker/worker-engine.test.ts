import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { writeTinyModel } from "../doubles/tiny-model.js";

const workspace = fileURLToPath(new URL("../../../..", import.meta.url));
const distribution = (name: string) => JSON.stringify(pathToFileURL(join(workspace, "packages", name, "dist/index.js")).href);
const built = existsSync(join(workspace, "packages/generation/dist/engine-worker.js"));

/** Runs a program against the built packages in a Node of its own: worker threads do not read TypeScript. */
async function run(folder: string, program: string): Promise<unknown> {
  const setup = join(folder, "setup.mjs");
  writeFileSync(
    setup,
    `import { registerBackend, referenceProvider } from ${distribution("tensor")};
     import { registerQwen } from ${distribution("model-qwen")};
     export default () => { registerBackend(referenceProvider); registerQwen(); };`,
  );
  const path = join(folder, "program.mjs");
  const settings = JSON.stringify({ setup: [pathToFileURL(setup).href], path: folder, backend: "reference" });
  writeFileSync(path, `import { InvalidRequestError, WorkerEngine } from ${distribution("generation")};\nconst settings = ${settings};\n${program}`);
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS"));
  const { stdout } = await promisify(execFile)(process.execPath, [path], { env: environment });
  return JSON.parse(stdout);
}

// `pnpm test` builds first; a bare vitest run in a fresh clone has no worker program yet.
describe.skipIf(!built)("the engine in a worker thread", () => {
  test("answers, reports, refuses, aborts and ends", async () => {
    using folder = writeTinyModel();
    const result = await run(
      folder.path,
      `const layers = [];
       const engine = await WorkerEngine.load({ ...settings, onProgress: (done) => layers.push(done) });
       const tokens = await engine.tokenize({ prompt: "Hello" });
       const types = [];
       for await (const event of engine.generate({ prompt: "Hello", maxNewTokens: 3 })) types.push(event.type);
       let refused;
       try { for await (const event of engine.generate({ prompt: "a", sparsity: 7 })); } catch (error) {
         refused = [error instanceof InvalidRequestError, error.code, error.name];
       }
       const controller = new AbortController();
       let reason;
       for await (const event of engine.generate({ prompt: "Hello", maxNewTokens: 100, signal: controller.signal })) {
         if (event.type === "token") controller.abort();
         if (event.type === "finish") reason = event.reason;
       }
       const running = engine.generate({ prompt: "Hello", maxNewTokens: 100 });
       await running.next();
       await engine[Symbol.asyncDispose]();
       const ends = [];
       for (const attempt of [() => engine.tokenize({ prompt: "a" }), async () => { for await (const event of running); }]) {
         await attempt().catch((error) => ends.push(error.code));
       }
       console.log(JSON.stringify({ layers, tokens: tokens.length, types: types.join(" "), refused, reason, ends, model: engine.model.numLayers }));`,
    );
    expect(result).toMatchObject({
      layers: [1, 2, 3],
      types: expect.stringMatching(/^(progress ){3}(token ){1,3}finish$/) as string,
      refused: [true, "INVALID_REQUEST", "InvalidRequestError"],
      reason: "aborted",
      ends: ["DISPOSED", "DISPOSED"],
      model: 3,
    });
  });

  test("brings the errors of loading across, typed", async () => {
    using folder = writeTinyModel();
    const result = await run(
      folder.path,
      `const codes = [];
       for (const wrong of [{ backend: "quantum" }, { path: "/nonexistent" }, { setup: ["file:///nonexistent.mjs"] }]) {
         await WorkerEngine.load({ ...settings, ...wrong }).catch((error) => codes.push(error.code));
       }
       console.log(JSON.stringify(codes));`,
    );
    expect(result).toEqual(["BACKEND_UNAVAILABLE", expect.any(String), "ENGINE_WORKER"]);
  });
});
