import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

/** This machine by the name that its binary's package ends with; the walk's machines have glibc. */
export const ownPlatform = [process.platform, process.arch, ...(process.platform === "linux" ? ["gnu"] : [])].join("-");

/** Binaries of other machines, and what nobody installs to run something. */
const isOther = (name) => /-(example|inspector|conformance)-/.test(name) || (/-(darwin|win32|linux)-/.test(name) && !name.includes(`-${ownPlatform}-`));

/** What somebody has who has just logged in: a home, a path, and a registry where this machine names one. */
export class Newcomer {
  #folder = mkdtempSync(join(tmpdir(), "elastic-attention-walk-"));
  #places = 0;

  constructor(tarballs) {
    this.nodeFolder = dirname(process.execPath);
    this.packages = packagesIn(tarballs);
    const kept = /^(?:npm_config_registry|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|GIT_SSL_CAINFO)$/i;
    this.environment = {
      HOME: this.emptyFolder(),
      PATH: `${this.nodeFolder}:/usr/local/bin:/usr/bin:/bin`,
      ...Object.fromEntries(Object.entries(process.env).filter(([name]) => kept.test(name))),
    };
  }

  /** The same without anything on the path but Node.js: no compiler, no shell's tools. */
  get bareEnvironment() {
    return { HOME: this.environment.HOME, PATH: this.nodeFolder };
  }

  emptyFolder() {
    const folder = join(this.#folder, String(++this.#places));
    mkdirSync(folder);
    return folder;
  }

  /** Installs packages by their names with npm, as tarballs that stand for a registry; returns the folder. */
  install(names) {
    const folder = this.emptyFolder();
    const files = Object.fromEntries(Array.from(this.packages, ([name, path]) => [name, `file:${path}`]));
    const dependencies = Object.fromEntries(names.map((name) => [name, files[name]]));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module", dependencies, overrides: files }));
    this.run(folder, "npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    return folder;
  }

  /** Runs a command that must end with 0; returns what it wrote. */
  run(folder, command, args, environment = this.environment) {
    const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: folder, env: environment, encoding: "utf8", maxBuffer: 2 ** 26 });
    if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status ?? error?.message}:\n${stdout}\n${stderr}`);
    return stdout;
  }

  /** Runs a command that must end with 1 and say these words, in no more lines than an error and its hint take. */
  fail(folder, command, args, words, environment = this.environment) {
    const { status, stderr } = spawnSync(command, args, { cwd: folder, env: environment, encoding: "utf8", maxBuffer: 2 ** 26 });
    if (status !== 1 || !words.test(stderr)) throw new Error(`${command} ${args.join(" ")} ended with ${status}, and is to say ${words}:\n${stderr}`);
    if (/\n\s+at /.test(stderr)) throw new Error(`${command} ${args.join(" ")} wrote a stack:\n${stderr}`);
  }

  [Symbol.dispose]() {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Tarballs by the names of their packages: `elastic-attention-cli-0.2.0.tgz` is `@elastic-attention/cli`. */
function packagesIn(folder) {
  const tarballs = readdirSync(folder).filter((name) => name.endsWith(".tgz") && !isOther(name));
  return new Map(tarballs.map((name) => [name.replace(/^elastic-attention-(.*)-\d+\.\d+\.\d+.*\.tgz$/, "@elastic-attention/$1"), resolve(folder, name)]));
}
