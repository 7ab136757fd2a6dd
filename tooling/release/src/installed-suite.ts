import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { installPackages } from "./install-packages.js";
import type { PackedPackage } from "./packed-package.js";

/** The test of somebody who holds a kernel of their own to the suite. */
const test = `import { describeFloatKernels } from "@elastic-attention/conformance";
import { createCpuBackend } from "@elastic-attention/cpu";
import { add, downloadFloats, uploadFloats } from "@elastic-attention/tensor";

const own = {
  name: "own",
  supports: () => [],
  run({ a, b, output }) {
    const right = downloadFloats(b);
    uploadFloats(output, downloadFloats(a).map((value, i) => value + right[i]));
  },
};
function create() {
  const backend = createCpuBackend({ threads: 1 });
  backend.kernels.register(add, own, { priority: 1 });
  return backend;
}
describeFloatKernels({ name: "the cpu with a sum of one's own", dtypes: ["f32", "bf16"], create });
`;

/** Whether a package is tests, which run where vitest does. */
export function isTestSuite({ manifest }: PackedPackage): boolean {
  return manifest.peerDependencies?.["vitest"] !== undefined;
}

/** Installs the suites beside the rest, and runs one of them as a user would; returns what failed. */
export function suiteProblems(packages: readonly PackedPackage[], suites: readonly PackedPackage[], folder: string): string[] {
  if (suites.length === 0) return [];
  const { version } = createRequire(import.meta.url)("vitest/package.json") as { version: string };
  installPackages(packages, folder, { vitest: version });
  writeFileSync(join(folder, "own-kernel.test.js"), test);
  try {
    execFileSync(join(folder, "node_modules", ".bin", "vitest"), ["run", "--root", folder, "--maxWorkers=1", "--testTimeout=120000"], { cwd: folder, stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });
    return [];
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    return [`The conformance suite does not pass where it is installed: ${`${stdout}\n${stderr}`.trim().split("\n").slice(-15).join("\n")}`];
  }
}
