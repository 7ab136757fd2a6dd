// Walks the ways of a newcomer on a clean machine: a folder with Debian, Node.js, npm and git, and nothing else.
//   sudo node tooling/release/walk/clean-machine.mjs TARBALLS [FOLDER]      after `pnpm release:check TARBALLS`
// A folder that is named stays, and is used again. Needs debootstrap; the repository is walked as it is committed.
import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

const [tarballs, kept] = process.argv.slice(2);
if (tarballs === undefined || process.getuid?.() !== 0) {
  console.error("Usage, as root: node tooling/release/walk/clean-machine.mjs TARBALLS [FOLDER]");
  process.exit(1);
}
const root = resolve(import.meta.dirname, "../../..");
const machine = kept === undefined ? mkdtempSync(join(tmpdir(), "elastic-attention-machine-")) : resolve(kept);
const inside = (...path) => join(machine, ...path);

if (!existsSync(inside("usr/bin/git"))) run("debootstrap", ["--variant=minbase", "--include=ca-certificates,git", "bookworm", machine]);
installNode();
copyNetworkSettings();
copyRepository();
run("mount", ["-t", "proc", "proc", inside("proc")]);
try {
  walk(["clone without a compiler", "npm", "library", "damage"]);
  // As the error of the first way says.
  enter("apt-get update -qq && apt-get install -y -qq --no-install-recommends cmake g++ make");
  walk(["clone"]);
} finally {
  run("umount", [inside("proc")]);
  if (kept === undefined) rmSync(machine, { recursive: true, force: true });
}

function walk(ways) {
  enter(`node /srv/repository/tooling/release/walk/main.mjs /srv/tarballs ${ways.map((way) => `'${way}'`).join(" ")}`);
}

/** Runs a line of shell on the clean machine, with what a login has. */
function enter(line) {
  const variables = { PATH: "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", HOME: "/root", DEBIAN_FRONTEND: "noninteractive", SSL_CERT_FILE: "/etc/ssl/certs/ca-certificates.crt" };
  const { status, error } = spawnSync("chroot", [machine, "/bin/sh", "-c", line], { env: { ...variables, NODE_EXTRA_CA_CERTS: variables.SSL_CERT_FILE }, stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
  if (error !== undefined) throw error;
}

/** The Node.js and npm that run this. */
function installNode() {
  mkdirSync(inside("usr/local/lib/node_modules"), { recursive: true });
  copyFileSync(process.execPath, inside("usr/local/bin/node"));
  const npm = join(run("npm", ["root", "--global"]).trim(), "npm");
  cpSync(npm, inside("usr/local/lib/node_modules/npm"), { recursive: true });
  for (const name of ["npm", "npx"]) {
    writeFileSync(inside("usr/local/bin", name), `#!/bin/sh\nexec node /usr/local/lib/node_modules/npm/bin/${name}-cli.js "$@"\n`, { mode: 0o755 });
  }
}

/** How this machine reaches the registries. */
function copyNetworkSettings() {
  for (const file of ["etc/resolv.conf", "etc/hosts", "etc/ssl/certs/ca-certificates.crt"]) {
    if (!existsSync(`/${file}`)) continue;
    mkdirSync(dirname(inside(file)), { recursive: true });
    writeFileSync(inside(file), readFileSync(`/${file}`));
  }
  const setting = (name) => run("npm", ["config", "get", name]).trim();
  const authorities = setting("cafile") === "null" ? "" : "cafile=/etc/ssl/certs/ca-certificates.crt\n";
  mkdirSync(inside("usr/local/etc"), { recursive: true });
  writeFileSync(inside("usr/local/etc/npmrc"), `registry=${setting("registry")}\n${authorities}`);
}

function copyRepository() {
  for (const name of ["repository", "tarballs"]) rmSync(inside("srv", name), { recursive: true, force: true });
  run("git", ["clone", "--quiet", "--no-local", root, inside("srv/repository")]);
  cpSync(tarballs, inside("srv/tarballs"), { recursive: true });
}

function run(command, args) {
  const { status, stdout, error } = spawnSync(command, args, { stdio: ["ignore", "pipe", "inherit"], encoding: "utf8", maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status ?? error?.message}`);
  return stdout;
}
