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
       const onAccepted = (count) => types.push("accepted " + count);
       for await (const event of engine.generate({ prompt: "Hello", maxNewTokens: 3, onAccepted })) types.push(event.type);
       const text = await engine.detokenize(tokens);
       const pieces = await engine.pieces(tokens);
       const rendered = await engine.render({ messages: [{ role: "user", content: "Hello" }] });
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
       console.log(JSON.stringify({ layers, tokens: tokens.length, text, pieces: pieces.join(""), rendered: rendered.includes("Hello"), types: types.join(" "), refused, reason, ends, model: engine.model.numLayers }));`,
    );
    expect(result).toMatchObject({
      layers: [1, 2, 3],
      text: "Hello",
      pieces: "Hello",
      rendered: true,
      types: expect.stringMatching(/^accepted \d+ (progress ){3}(token ){1,3}finish$/) as string,
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

  test("gives errors of every class back as what they were", async () => {
    using folder = writeTinyModel();
    using broken = writeTinyModel();
    writeFileSync(join(broken.path, "heads.json"), "[");
    const notFinite = join(folder.path, "not-finite.mjs");
    // Weights that hold no numbers are refused when they are loaded: the sampling finds some here.
    writeFileSync(notFinite, `import { NoFiniteLogitError } from ${distribution("core")};
      import { ReferenceBackend, referenceProvider, registerBackend } from ${distribution("tensor")};
      class Backend extends ReferenceBackend {
        constructor() {
          super();
          const run = this.kernels.run.bind(this.kernels);
          this.kernels.run = (operation, call) => {
            if (operation.name === "sampleTokens") throw new NoFiniteLogitError(0, Int32Array.of(-1));
            return run(operation, call);
          };
        }
      }
      export default () => registerBackend({ ...referenceProvider, create: async () => new Backend() });`);
    const result = await run(
      folder.path,
      `import { BackendUnavailableError, HeadListError, NoFiniteLogitError } from ${distribution("core")};
       const found = [];
       await WorkerEngine.load({ ...settings, path: ${JSON.stringify(broken.path)} }).catch((error) => found.push([error instanceof HeadListError, error.code]));
       await WorkerEngine.load({ ...settings, backend: "quantum" }).catch((error) => found.push([error instanceof BackendUnavailableError, typeof error.hint]));
       const engine = await WorkerEngine.load({ ...settings, setup: [...settings.setup, ${JSON.stringify(pathToFileURL(notFinite).href)}] });
       try { for await (const event of engine.generate({ prompt: "a" })); } catch (error) {
         found.push([error instanceof NoFiniteLogitError, error.tokens instanceof Int32Array]);
       }
       await engine[Symbol.asyncDispose]();
       console.log(JSON.stringify(found));`,
    );
    expect(result).toEqual([[true, "HEAD_LIST"], [true, "string"], [true, true]]);
  });

  test("takes every setting of an answer across, and constraints by their names", async () => {
    using folder = writeTinyModel();
    const constraint = join(folder.path, "constraint.mjs");
    writeFileSync(constraint, `import { registerTokenConstraint } from ${distribution("generation")};
      export default () => registerTokenConstraint("only", ({ tokens }, { vocabularySize }) => {
        const mask = new Int32Array(Math.ceil(vocabularySize / 32));
        for (const token of tokens) mask[token >> 5] |= 1 << (token & 31);
        let left = 3;
        return { nextMask: () => mask, accept: () => { left -= 1; }, get done() { return left === 0; } };
      });`);
    const result = await run(
      folder.path,
      `const engine = await WorkerEngine.load({ ...settings, setup: [...settings.setup, ${JSON.stringify(pathToFileURL(constraint).href)}] });
       const request = { prompt: "Hello", maxNewTokens: 20, count: 2, logprobs: 2, logitBias: { 400: 50 }, sampling: { temperature: 1, seed: 3, presencePenalty: 1 } };
       const told = [];
       for await (const event of engine.generate({ ...request, constraint: { name: "only", options: { tokens: [400, 401] } } })) {
         if (event.type === "token") told.push([event.answer, event.id >= 400 && event.id <= 401, event.logprobs.top.length]);
         if (event.type === "finish") told.push(event.reason);
       }
       const codes = [];
       for (const wrong of [{ name: "none" }, { name: "only", options: { tokens: [] } }, { name: "only", options: () => 1 }]) {
         try { for await (const event of engine.generate({ ...request, constraint: wrong })); } catch (error) { codes.push(error.code); }
       }
       await engine[Symbol.asyncDispose]();
       console.log(JSON.stringify({ told, codes }));`,
    );
    const answer = (index: number) => [index, true, 2];
    expect(result).toEqual({
      told: expect.arrayContaining([answer(0), answer(1), "stop"]) as unknown,
      codes: ["INVALID_REQUEST", "TOKEN_CONSTRAINT", "INVALID_REQUEST"],
    });
    expect((result as { told: unknown[] }).told).toHaveLength(8);
  });

  test("computes no further than its reader reads, and goes on when it does", async () => {
    using folder = writeTinyModel({ contextLength: 400 });
    const result = await run(
      folder.path,
      `const engine = await WorkerEngine.load(settings);
       const lazy = engine.generate({ prompt: "Hello", maxNewTokens: 300 });
       await lazy.next();
       const settled = async () => {
         let last = -1;
         for (;;) {
           await new Promise((resolve) => setTimeout(resolve, 200));
           const { decodedTokens } = await engine.report();
           if (decodedTokens === last) return last;
           last = decodedTokens;
         }
       };
       const waiting = await settled();
       let tokens = 0;
       for await (const event of lazy) if (event.type === "token") tokens += 1;
       const controller = new AbortController();
       const other = engine.generate({ prompt: "Hello", maxNewTokens: 300, signal: controller.signal });
       await other.next();
       await settled();
       controller.abort();
       const ends = [];
       for await (const event of other) ends.push(event.type);
       const { decoding, queued } = await engine.report();
       await engine[Symbol.asyncDispose]();
       console.log(JSON.stringify({ waiting, tokens, end: ends.at(-1), left: ends.length, decoding, queued }));`,
    );
    expect(result).toMatchObject({ tokens: 300, end: "finish", decoding: 0, queued: 0 });
    const { waiting, left } = result as { waiting: number; left: number };
    expect(waiting).toBeGreaterThan(20);
    expect(waiting).toBeLessThan(80);
    expect(left).toBeLessThan(80);
  });

  test("comes back after its thread died: requests in flight fail, the next one is answered", async () => {
    using folder = writeTinyModel({ contextLength: 400 });
    const dying = join(folder.path, "dying.mjs");
    // Ends the thread while an answer is computed, as an addon would that crashes it.
    writeFileSync(dying, `import { BroadcastChannel } from "node:worker_threads";
      export default () => { const channel = new BroadcastChannel("end"); channel.onmessage = ({ data }) => data === "exit" ? process.exit(3) : setImmediate(() => { throw new Error("broken"); }); channel.unref(); };`);
    const result = await run(
      folder.path,
      `import { BroadcastChannel } from "node:worker_threads";
       const channel = new BroadcastChannel("end");
       const engine = await WorkerEngine.load({ ...settings, setup: [${JSON.stringify(pathToFileURL(dying).href)}, ...settings.setup] });
       const answer = async () => { const tokens = []; for await (const event of engine.generate({ prompt: "Hello", maxNewTokens: 4 })) if (event.type === "token") tokens.push(event.id); return tokens; };
       const expected = await answer();
       const rounds = [];
       for (const how of ["exit", "throw"]) {
         const running = engine.generate({ prompt: "Hello", maxNewTokens: 300 });
         await running.next();
         channel.postMessage(how);
         let code;
         try { for await (const event of running); } catch (error) { code = error.code; }
         const both = await Promise.all([answer(), answer()]);
         rounds.push([code, JSON.stringify(both) === JSON.stringify([expected, expected]), (await engine.report()).decoding]);
       }
       channel.close();
       await engine[Symbol.asyncDispose]();
       await engine.report().catch((error) => rounds.push(error.code));
       console.log(JSON.stringify(rounds));`,
    );
    expect(result).toEqual([["ENGINE_WORKER", true, 0], ["ENGINE_WORKER", true, 0], "DISPOSED"]);
  });

  test("keeps a memory limit, refuses settings out of range and what cannot be sent, and ends at once what was aborted before", async () => {
    using folder = writeTinyModel();
    const result = await run(
      folder.path,
      `const found = [];
       for (const wrong of [{ memoryLimitBytes: 1000 }, { maximumBatch: 0 }]) await WorkerEngine.load({ ...settings, ...wrong }).catch((error) => found.push(error.code));
       const engine = await WorkerEngine.load(settings);
       const outcome = async (request) => { try { for await (const event of engine.generate(request)) if (event.type === "finish") return event.reason; } catch (error) { return error.code; } };
       found.push(await outcome({ prompt: "a", stop: () => {} }), await outcome({ prompt: 5, signal: AbortSignal.abort() }), await outcome({ prompt: "a", maxNewTokens: 2 }));
       await engine[Symbol.asyncDispose]();
       console.log(JSON.stringify(found));`,
    );
    expect(result).toEqual(["OUT_OF_MEMORY", "INVALID_REQUEST", "INVALID_REQUEST", "aborted", expect.stringMatching(/length|end-of-text/) as string]);
  });

  test("is not there when its loading is aborted, before it and after any layer; the thread ends", async () => {
    using folder = writeTinyModel();
    const result = await run(
      folder.path,
      `const found = [];
       for (const at of [0, 1, 2, 3]) {
         const controller = new AbortController();
         if (at === 0) controller.abort(new Error("at 0"));
         const onProgress = (done) => done === at && controller.abort(new Error("at " + at));
         await WorkerEngine.load({ ...settings, signal: controller.signal, onProgress }).then((engine) => { found.push("loaded"); return engine[Symbol.asyncDispose](); }, (error) => found.push(error.message));
       }
       const engine = await WorkerEngine.load(settings);
       await engine[Symbol.asyncDispose]();
       for (const question of [() => engine.report(), () => engine.closeSession("talk"), () => engine.generate({ prompt: "a" }).next()]) await question().catch((error) => found.push(error.code));
       console.log(JSON.stringify(found));`,
    );
    // The last layer and the end of the loading are told at nearly the same time.
    expect(result).toEqual(["at 0", "at 1", "at 2", expect.stringMatching(/^(at 3|loaded)$/) as string, "DISPOSED", "DISPOSED", "DISPOSED"]);
  });
});
