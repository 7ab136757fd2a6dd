// Rehearses a release: publishes the tarballs of a folder to a registry of its own, and installs the command line from there
// with every package manager that is named, in empty folders, without install scripts and without a compiler.
//   node tooling/release/rehearse.mjs tarballs [npm pnpm yarn bun]
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const [tarballs, ...managers] = process.argv.slice(2);
if (tarballs === undefined) {
  console.error("Usage: node tooling/release/rehearse.mjs TARBALLS [npm pnpm yarn bun]");
  process.exit(1);
}
const port = 4873;
const registry = `http://127.0.0.1:${port}/`;
const folder = mkdtempSync(join(tmpdir(), "elastic-attention-rehearsal-"));
const upstream = spawnSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).stdout.trim();

/** Each installs the command line into the folder where it runs. */
const installs = {
  npm: ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "@elastic-attention/cli"],
  // pnpm waits a day before it trusts what is new, and these packages are seconds old.
  pnpm: ["npx", "--yes", "pnpm@12.21.0", "add", "--ignore-scripts", "--config.minimumReleaseAge=0", "@elastic-attention/cli"],
  yarn: ["npx", "--yes", "yarn@1.22.22", "add", "--ignore-scripts", "--no-lockfile", "@elastic-attention/cli"],
  bun: ["npx", "--yes", "bun@1", "add", "--ignore-scripts", "@elastic-attention/cli"],
};

writeFileSync(
  join(folder, "verdaccio.yaml"),
  `storage: ${join(folder, "storage")}
uplinks:
  upstream:
    url: ${upstream}
packages:
  "@elastic-attention/*": { access: $all, publish: $all }
  "**": { access: $all, proxy: upstream }
max_body_size: 100mb
log: { type: file, path: ${join(folder, "verdaccio.log")}, level: warn }
`,
);
const server = spawn(process.execPath, [installVerdaccio(), "--config", join(folder, "verdaccio.yaml"), "--listen", `127.0.0.1:${port}`], {
  stdio: ["ignore", "ignore", "pipe"],
  detached: true,
});
let complaints = "";
server.stderr.setEncoding("utf8").on("data", (text) => (complaints += text));
let failed = false;
try {
  await answers();
  const token = ["--registry", registry, `--//127.0.0.1:${port}/:_authToken=nobody`];
  publishStandIns(token);
  run(process.cwd(), process.execPath, [join(import.meta.dirname, "publish.mjs"), resolve(tarballs), ...token]);
  for (const manager of managers.length > 0 ? managers : ["npm"]) {
    const [command, ...args] = installs[manager];
    const place = join(folder, manager);
    mkdirSync(place);
    writeFileSync(join(place, "package.json"), JSON.stringify({ name: "rehearsal", private: true }));
    // All four read it.
    writeFileSync(join(place, ".npmrc"), `registry=${registry}\n`);
    const begun = performance.now();
    run(place, command, args);
    const program = join(place, "node_modules", "@elastic-attention", "cli", "dist", "main.js");
    const { stdout } = run(place, process.execPath, [program, "demo", "--tokens", "600", "--json"], { PATH: dirname(process.execPath), HOME: place });
    const { found } = JSON.parse(stdout);
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    console.log(`${manager}: installed and ${found ? "answered" : "ANSWERED WRONGLY"} after ${seconds} s`);
    failed ||= !found;
  }
} finally {
  // One that never started, or has ended by itself, is no group any more.
  if (server.exitCode === null && server.pid !== undefined) process.kill(-server.pid);
  rmSync(folder, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);

/** @returns the program of the registry */
function installVerdaccio() {
  const place = join(folder, "registry");
  mkdirSync(place);
  // This line of versions runs on Node.js 20. One of its packages may name node-fetch by a tag, which mirrors need not have.
  writeFileSync(join(place, "package.json"), JSON.stringify({ private: true, dependencies: { verdaccio: "6.2.9" }, overrides: { "node-fetch": "2.7.0" } }));
  run(place, "npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
  return join(place, "node_modules", "verdaccio", "bin", "verdaccio");
}

/** A release has the binaries of every platform: packages without one stand for those that are not built here. */
function publishStandIns(token) {
  const names = readdirSync(tarballs).filter((name) => name.endsWith(".tgz"));
  const owners = names.map((name) => JSON.parse(run(tarballs, "tar", ["-xzOf", name, "package/package.json"]).stdout)).filter(({ optionalDependencies }) => optionalDependencies !== undefined);
  for (const { optionalDependencies } of owners) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (names.includes(`${name.replace("@", "").replace("/", "-")}-${version}.tgz`)) continue;
      const place = join(folder, "stand-ins", name);
      const [, , os, cpu, libc] = /\/(cpu|cuda)-([a-z0-9]+)-([a-z0-9]+)(?:-([a-z]+))?$/.exec(name) ?? [];
      mkdirSync(place, { recursive: true });
      const manifest = { name, version, license: "Apache-2.0", os: [os], cpu: [cpu], ...(libc && { libc: [libc === "gnu" ? "glibc" : libc] }) };
      writeFileSync(join(place, "package.json"), JSON.stringify(manifest));
      run(place, "npm", ["publish", "--access", "public", ...token]);
    }
  }
}

async function answers() {
  for (let tries = 0; tries < 1200 && server.exitCode === null; tries++) {
    if (await fetch(new URL("-/ping", registry)).then(({ ok }) => ok, () => false)) return;
    await delay(200);
  }
  throw new Error(`The registry did not start: ${complaints.trim() || `${server.exitCode ?? "it said nothing within four minutes"}`}`);
}

function run(cwd, command, args, env = process.env) {
  const result = spawnSync(command, args, { cwd, env, encoding: "utf8", maxBuffer: 2 ** 26 });
  if (result.status !== 0) {
    throw new Error(`${command} ${args.join(" ")} ended with ${result.status ?? result.error?.message}:\n${result.stdout}\n${result.stderr}`);
  }
  return result;
}
