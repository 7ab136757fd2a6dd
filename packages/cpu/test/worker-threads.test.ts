import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const build = new URL("../dist/index.js", import.meta.url);

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
  const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS"));
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], { env: environment });
  expect(stdout.trim()).toBe("survived");
});
