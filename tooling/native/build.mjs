// Builds the addon of the package in the current directory with cmake-js: the `build:native` task of native packages.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { join } from "node:path";

const packageFolder = process.cwd();

function fail(message) {
  console.error(message);
  process.exit(1);
}

if (!existsSync(join(packageFolder, "CMakeLists.txt"))) {
  console.log("No CMakeLists.txt here: nothing native to build.");
  process.exit(0);
}

if (spawnSync("cmake", ["--version"], { stdio: "ignore" }).status !== 0) {
  fail("The native build needs CMake, which was not found. Install it (Debian: apt-get install cmake g++ make).");
}

// A package whose CMakeLists.txt speaks CUDA is built for those who ask: it takes minutes, and most machines have no GPU.
if (readFileSync(join(packageFolder, "CMakeLists.txt"), "utf8").includes("enable_language(CUDA)")) {
  if (process.env["ELASTIC_ATTENTION_CUDA"] !== "1") {
    console.log("CUDA backend left out: `pnpm build:cuda` builds it, or any build with ELASTIC_ATTENTION_CUDA=1.");
    process.exit(0);
  }
  const compiler = process.env["CUDACXX"] ?? "nvcc";
  const found = [compiler, "/usr/local/cuda/bin/nvcc"].some((path) => spawnSync(path, ["--version"], { stdio: "ignore" }).status === 0);
  if (!found) {
    fail("The CUDA backend was asked for, but nvcc was not found: install the CUDA toolkit 12.4 or newer, or name its compiler in CUDACXX.");
  }
}

// cmake-js is a dependency of the package that is built, so it is resolved from there.
const cmakeJs = createRequire(join(packageFolder, "package.json")).resolve("cmake-js/bin/cmake-js");
const build = spawnSync(process.execPath, [cmakeJs, "build", "--config", "Release"], {
  cwd: packageFolder,
  stdio: "inherit",
  env: { CMAKE_BUILD_PARALLEL_LEVEL: String(availableParallelism()), ...process.env },
});
if (build.error) fail(`The native build did not start: ${build.error.message}`);
process.exit(build.status ?? 1);
