import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const build = new URL("../dist/index.js", import.meta.url);
const tensorBuild = new URL("../../tensor/dist/index.js", import.meta.url);
const environment = () => Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS"));

// The main thread never loads the addon: the last worker to end takes it away, while the pool's threads live on.
const program = `
  import { Worker } from "node:worker_threads";
  const work = \`
    import(${JSON.stringify(build.href)}).then(({ createCpuBackend }) => {
      const backend = createCpuBackend({ threads: 4 });
      backend.allocate([1000], "f32");
      process.exit(0);
    });\`;
  for (let round = 0; round < 15; round++) {
    const worker = new Worker(work, { eval: true });
    await new Promise((resolve) => worker.once("exit", resolve));
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  console.log("survived");
`;

// Needs the build, as worker threads do not read TypeScript; `pnpm test` builds first.
test.skipIf(!existsSync(fileURLToPath(build)))("worker threads may come, leave memory behind, and go", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], { env: environment() });
  expect(stdout.trim()).toBe("survived");
});

const levels = `
  import { Worker } from "node:worker_threads";
  const work = \`
    const modules = ["node:worker_threads", ${JSON.stringify(build.href)}, ${JSON.stringify(tensorBuild.href)}];
    Promise.all(modules.map((name) => import(name))).then(([{ parentPort, workerData }, cpu, { linear, packLinear }]) => {
      const backend = cpu.createCpuBackend(workerData);
      const values = (n, seed) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898 + seed) * 43758.5453 % 1);
      const input = backend.upload(values(64 * 513, 1), [64, 513], "f32");
      const weight = backend.kernels.run(packLinear, { weights: [backend.upload(values(97 * 513, 2), [97, 513], "f32")], dtype: "bf16" });
      const output = backend.allocate([64, 97], "f32");
      const seen = new Set();
      for (let round = 0; round < 60; round++) {
        backend.kernels.run(linear, { input, weight, output });
        seen.add(Buffer.from(output.download()).toString("base64"));
      }
      parentPort.postMessage({ seen: [...seen], description: backend.device.description });
    });\`;
  const run = (workerData) => new Promise((resolve, reject) => {
    const worker = new Worker(work, { eval: true, workerData });
    worker.once("message", (message) => { void worker.terminate(); resolve(message); }).once("error", reject);
  });
  const kinds = [{ threads: 1, instructionSet: "plain" }, { threads: 2, ...(process.arch === "x64" ? { instructionSet: "avx2" } : {}) }, { threads: 3 }];
  const alone = [];
  for (const kind of kinds) alone.push(await run(kind));
  const together = await Promise.all([...kinds, ...kinds].map(run));
  const same = together.every(({ seen, description }, index) => {
    const expected = alone[index % kinds.length];
    return seen.length === 1 && seen[0] === expected.seen[0] && description === expected.description;
  });
  console.log(same ? "same" : JSON.stringify(together.map(({ seen, description }) => [seen.length, description])));
`;

test.skipIf(!existsSync(fileURLToPath(build)))("backends in worker threads keep the threads and the level of each, at the same time", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", levels], { env: environment() });
  expect(stdout.trim()).toBe("same");
}, 60_000);
