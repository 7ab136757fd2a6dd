import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { workspaceRoot } from "../folders.js";

/** `elastic-attention serve` in a process of its own, as users start it. */
export interface ServedProcess extends AsyncDisposable {
  readonly url: string;
  /** Resident bytes of the process. */
  residentBytes(): number;
}

/** @param options of `serve` @throws Error where it is not built, or does not start */
export async function serveProcess(...options: readonly string[]): Promise<ServedProcess> {
  const program = join(workspaceRoot, "apps", "cli", "dist", "main.js");
  if (!existsSync(program)) throw new Error(`${program} does not exist: run "pnpm build" first.`);
  const child = spawn(process.execPath, [program, "serve", "--json", "--port", "0", ...options], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const { url: ready } = JSON.parse(line) as { readonly url?: string };
      if (ready !== undefined) resolve(ready);
    });
    child.once("exit", (code) => reject(new Error(`serve ended with ${code}.`)));
  });
  return {
    url,
    residentBytes: () => residentBytes(child.pid!),
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

/** As Linux counts them; 0 elsewhere. */
function residentBytes(processId: number): number {
  const path = `/proc/${processId}/status`;
  if (!existsSync(path)) return 0;
  return 1024 * Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(path, "utf8"))?.[1] ?? 0);
}

/** Sends a request and reads its answer to the end. @returns its status and text */
export async function ask(url: string, route: string, body: object, signal?: AbortSignal): Promise<{ readonly status: number; readonly text: string }> {
  const response = await fetch(`${url}/v1/${route}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
  return { status: response.status, text: await response.text() };
}
