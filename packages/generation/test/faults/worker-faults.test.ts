import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { writeTinyModel } from "../doubles/tiny-model.js";

const built = existsSync(fileURLToPath(new URL("../../dist/engine-worker.js", import.meta.url)));
const here = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
/** ELASTIC_ATTENTION_EVERY_FAULT=1 takes each call. */
const mostCalls = process.env["ELASTIC_ATTENTION_EVERY_FAULT"] === "1" ? "Infinity" : "40";

// `pnpm test` builds first; a bare vitest run in a fresh clone has no worker program yet.
test.skipIf(!built)("a fault at any call ends one request at most, with a typed error, in a worker thread too", async () => {
  using folder = writeTinyModel({ contextLength: 64 });
  const qwen = join(folder.path, "qwen.mjs");
  writeFileSync(qwen, `export { registerQwen as default } from ${here("../../../model-qwen/dist/index.js")};`);
  const path = join(folder.path, "program.mjs");
  writeFileSync(
    path,
    `import { setEnvironmentData } from "node:worker_threads";
     import { ElasticAttentionError } from ${here("../../../core/dist/index.js")};
     import { WorkerEngine } from ${here("../../dist/index.js")};
     import { problemsOf, runNext, runScenario, someCalls } from ${here("../doubles/fault-scenario.mjs")};
     const memory = new SharedArrayBuffer(12);
     const shared = new Int32Array(memory);
     const arm = (call) => { shared[0] = 0; shared[1] = call; };
     arm(-1);
     setEnvironmentData("faults", memory);
     const bad = [];
     process.on("unhandledRejection", (reason) => bad.push(String(reason)));
     const engine = await WorkerEngine.load({ setup: [${JSON.stringify(pathToFileURL(qwen).href)}, ${here("./faulty-engine.mjs")}], path: ${JSON.stringify(folder.path)}, backend: "reference", prefillBudgetMilliseconds: 1 });
     const next = await runNext(engine);
     arm(-1);
     const expected = await runScenario(engine);
     const calls = shared[0];
     await runNext(engine);
     const base = shared[2];
     let failed = 0;
     for (const call of someCalls(calls, ${mostCalls})) {
       arm(call);
       const outcomes = await runScenario(engine);
       arm(-1);
       failed += Object.values(outcomes).filter(({ error }) => error !== undefined).length;
       const after = await runNext(engine);
       const problems = problemsOf({ ...outcomes, after }, { ...expected, after: next }, (error) => ElasticAttentionError.isInstance(error));
       if (after.error !== undefined) problems.push("the next request fails: " + after.error);
       if (shared[2] !== base) problems.push(shared[2] - base + " allocations stay");
       bad.push(...problems.map((problem) => "call " + call + ": " + problem));
     }
     await engine[Symbol.asyncDispose]();
     console.log(JSON.stringify({ bad, failed, calls }));`,
  );
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS"));
  const { stdout } = await promisify(execFile)(process.execPath, [path], { env: environment, cwd: fileURLToPath(new URL(".", pathToFileURL(path))) });
  const { bad, failed } = JSON.parse(stdout) as { bad: string[]; failed: number };
  expect(bad).toEqual([]);
  expect(failed).toBeGreaterThan(10);
}, 900_000);
