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
configureLevels();
run(process.execPath, [cmakeJs, "build", "--config", "Release"]);

/**
 * ELASTIC_ATTENTION_CPU_LEVELS says which levels of kernels the addon contains: all (the default), machine, or a list. A folder
 * that was configured with others is configured again; one that has all of them keeps them when this machine's are asked for.
 */
function configureLevels() {
  const name = "ELASTIC_ATTENTION_CPU_LEVELS";
  if (!readFileSync(join(packageFolder, "CMakeLists.txt"), "utf8").includes(name)) return;
  const wanted = process.env[name] || "all";
  const cache = join(packageFolder, "build", "CMakeCache.txt");
  if (!existsSync(cache)) {
    run(process.execPath, [cmakeJs, "configure", "--config", "Release", `--CD${name}=${wanted}`]);
    return;
  }
  const [, configured = "all"] = readFileSync(cache, "utf8").match(new RegExp(`^${name}:\\w+=(.*)$`, "m")) ?? [];
  if (configured === wanted || (configured === "all" && wanted === "machine")) return;
  run("cmake", [`-D${name}=${wanted}`, "build"]);
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, {
    cwd: packageFolder,
    stdio: "inherit",
    env: { CMAKE_BUILD_PARALLEL_LEVEL: String(availableParallelism()), ...process.env },
  });
  if (error) fail(`The native build did not start: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}
