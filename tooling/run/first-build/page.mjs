import { execFile } from "node:child_process";
import { join } from "node:path";

/** Bundles a page with the Vite of its own package. @returns exit status and what it printed */
export function buildPage(folder) {
  return new Promise((resolve) => {
    const vite = join(folder, "node_modules", "vite", "bin", "vite.js");
    execFile(process.execPath, [vite, "build", "--logLevel", "error"], { cwd: folder }, (error, stdout, stderr) => {
      resolve({ status: error === null ? 0 : 1, output: `${stdout}${stderr}` });
    });
  });
}
