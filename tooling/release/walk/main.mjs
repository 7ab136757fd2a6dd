// Walks the ways of a newcomer on this machine, each in an empty folder with a bare environment: the README's first command in a
// clone, and the packed command line installed with npm, without install scripts and without a compiler on the path.
//   node tooling/release/walk.mjs TARBALLS      after `pnpm release:check TARBALLS`
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const [tarballs] = process.argv.slice(2);
if (tarballs === undefined) {
  console.error("Usage: node tooling/release/walk.mjs TARBALLS");
  process.exit(1);
}
const root = resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(join(tmpdir(), "elastic-attention-walk-"));
const nodeFolder = dirname(process.execPath);

/** What a login of a new user has, and a registry where this machine names one. */
const bare = {
  HOME: join(folder, "home"),
  PATH: `${nodeFolder}:/usr/local/bin:/usr/bin:/bin`,
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => /^npm_config_registry$/i.test(name))),
};

try {
  mkdirSync(bare.HOME);
  walk("clone and first command", () => {
    const clone = join(folder, "clone");
    run(folder, "git", ["clone", "--quiet", "--no-local", "--depth", "1", root, clone], { ...bare, GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "safe.directory", GIT_CONFIG_VALUE_0: "*" });
    return run(clone, "npx", ["--yes", "pnpm@12.21.0", "demo", "--tokens", "600", "--json"], bare);
  });
  walk("npm install and first command", () => {
    const place = join(folder, "installed");
    mkdirSync(place);
    const names = readdirSync(tarballs).filter((name) => name.endsWith(".tgz") && !/example-|conformance|-(darwin|win32)-|musl|arm64/.test(name));
    const overrides = Object.fromEntries(names.map((name) => [packageName(name), `file:${resolve(tarballs, name)}`]));
    writeFileSync(join(place, "package.json"), JSON.stringify({ private: true, dependencies: overrides }));
    run(place, "npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], bare);
    const program = join(place, "node_modules", ".bin", "elastic-attention");
    // Nothing is on the path but Node.js.
    return run(place, program, ["demo", "--tokens", "600", "--json"], { HOME: bare.HOME, PATH: nodeFolder });
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Walks one way to its answer, and says how long it was. */
function walk(name, toAnswer) {
  const begun = performance.now();
  const output = toAnswer();
  const { found } = JSON.parse(output.slice(output.indexOf("{")));
  console.log(`${name}: ${found ? "answered" : "ANSWERED WRONGLY"} after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  if (!found) process.exitCode = 1;
}

/** `elastic-attention-cli-0.2.0.tgz` is `@elastic-attention/cli`. */
function packageName(tarball) {
  return tarball.replace(/^elastic-attention-(.*)-\d+\.\d+\.\d+.*\.tgz$/, "@elastic-attention/$1");
}

function run(cwd, command, args, env) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, env, encoding: "utf8", maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status ?? error?.message}:\n${stdout}\n${stderr}`);
  return stdout;
}
