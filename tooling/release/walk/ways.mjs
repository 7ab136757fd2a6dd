import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expectAnswer, seconds } from "./answer.mjs";
import { ownPlatform } from "./newcomer.mjs";
import { runtimes } from "./runtimes.mjs";

const root = join(import.meta.dirname, "../../..");
const demo = ["demo", "--tokens", "600", "--json"];

/** Ways to a first answer, and away from one, by name: each throws where it does not lead where it must. */
export const ways = {
  /** The README's first command. */
  clone(newcomer) {
    const clone = cloneRepository(newcomer);
    expectAnswer(newcomer.run(clone, "npx", ["--yes", "pnpm@12.21.0", ...demo]));
    // What is built is not looked at again by the tools that built it.
    const begun = performance.now();
    newcomer.run(clone, "npx", ["--yes", "pnpm@12.21.0", "elastic-attention", "--version"]);
    return `--version again in ${seconds(begun)}`;
  },

  /** The same where there is no compiler. */
  "clone without a compiler"(newcomer) {
    const clone = cloneRepository(newcomer);
    newcomer.fail(clone, "npx", ["--yes", "pnpm@12.21.0", ...demo], /needs CMake[\s\S]*apt-get install cmake g\+\+ make/);
  },

  /** The command line from npm, without install scripts, and with nothing on the path but Node.js. */
  npm(newcomer) {
    const folder = newcomer.install(["@elastic-attention/cli"]);
    const program = join(folder, "node_modules", ".bin", "elastic-attention");
    expectAnswer(newcomer.run(folder, program, demo, newcomer.bareEnvironment));
    newcomer.run(folder, program, ["doctor"], newcomer.bareEnvironment);
  },

  /** The packages and the program of the site's page for people with code of their own, as they stand there. */
  library(newcomer) {
    const page = readFileSync(join(root, "apps/docs/start/own-code.md"), "utf8");
    const [, names] = /```sh\nnpm install (.*)\n```/.exec(page);
    const folder = newcomer.install(names.split(" "));
    const programs = Array.from(page.matchAll(/```js\n([\s\S]*?)```/g), ([, program]) => program);
    for (const [number, program] of programs.entries()) {
      writeFileSync(join(folder, `program-${number}.js`), program);
      const output = newcomer.run(folder, process.execPath, [`program-${number}.js`], newcomer.bareEnvironment);
      if (output.trim() === "") throw new Error(`The program writes nothing:\n${program}`);
    }
  },

  /** Installations that went wrong: each is told apart, with the command that mends it. */
  damage(newcomer) {
    const folder = newcomer.install(["@elastic-attention/cli"]);
    const program = join(folder, "node_modules", ".bin", "elastic-attention");
    const binary = findBinary(folder);
    truncateSync(binary, 100_000);
    newcomer.fail(folder, program, demo, /does not load[\s\S]*remove .*cpu-[\w-]+, then `npm install/);
    writeFileSync(binary, "");
    newcomer.fail(folder, program, demo, /does not load[\s\S]*remove .*cpu-[\w-]+, then `npm install/);
    rmSync(dirname(binary), { recursive: true });
    newcomer.fail(folder, program, demo, /is not installed; `npm install @elastic-attention\/cpu-[\w-]+` brings it/);
    expectAnswer(newcomer.run(folder, program, ["demo", "--tokens", "512", "--json", "--backend", "reference"], newcomer.bareEnvironment));
  },

  runtimes,
};

function cloneRepository(newcomer) {
  const clone = join(newcomer.emptyFolder(), "clone");
  // A clean machine holds the repository of another user.
  const trusting = { ...newcomer.environment, GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "safe.directory", GIT_CONFIG_VALUE_0: "*" };
  newcomer.run(dirname(clone), "git", ["clone", "--quiet", "--no-local", "--depth", "1", root, clone], trusting);
  return clone;
}

function findBinary(folder) {
  return join(folder, "node_modules", "@elastic-attention", `cpu-${ownPlatform}`, "elastic_attention_cpu.node");
}
