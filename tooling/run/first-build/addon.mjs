import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "../esbuild.mjs";

/**
 * Builds the addon of a package as its `build:native` script does. `onProgress` is told how many of how many files are
 * compiled. Resolves to the exit status and everything that was printed.
 */
export function buildAddon(folder, environment, onProgress) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, "tooling", "native", "build.mjs")], {
      cwd: folder,
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const read = (chunk) => {
      const text = chunk.toString();
      output += text;
      // ninja writes [12/46], make writes [ 26%].
      const [, done, total] = text.match(/.*\[(\d+)\/(\d+)\]/s) ?? text.match(/.*\[ *(\d+)(%)\]/s) ?? [];
      if (done !== undefined) onProgress(total === "%" ? `${done}%` : `${done} of ${total} files`);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("error", (error) => resolve({ status: 1, output: `${output}${error.message}\n` }));
    child.on("close", (status) => resolve({ status: status ?? 1, output }));
  });
}
