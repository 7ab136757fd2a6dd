// The acceptance list of the server at its full size (some ten minutes): node tooling/clients/acceptance.mjs [NUMBER ...]
// Its short form is a part of the workspace's tests.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const vitest = join(dirname(createRequire(join(root, "package.json")).resolve("vitest/package.json")), "vitest.mjs");
const numbers = process.argv.slice(2);
const only = numbers.length === 0 ? [] : ["--testNamePattern", `(?:^| )(?:${numbers.join("|")})\\. `];
const child = spawn(process.execPath, [vitest, "run", "tooling/clients/test/acceptance", "--reporter=verbose", "--maxWorkers=1", ...only], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, ELASTIC_ATTENTION_ACCEPTANCE: "full" },
});
child.once("exit", (code) => (process.exitCode = code ?? 1));
