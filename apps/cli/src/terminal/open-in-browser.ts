import { spawn } from "node:child_process";
import { pathToFileURL } from "node:url";

const openers: Partial<Record<NodeJS.Platform, readonly string[]>> = { darwin: ["open"], win32: ["cmd", "/c", "start", ""] };

/** Opens a file in the user's browser and does not wait for it; without one nothing happens: the path is printed anyway. */
export function openInBrowser(path: string): void {
  const [program, ...args] = openers[process.platform] ?? ["xdg-open"];
  const child = spawn(program!, [...args, pathToFileURL(path).href], { detached: true, stdio: "ignore" });
  child.on("error", () => {});
  child.unref();
}
