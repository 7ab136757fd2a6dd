import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { HubSettings, ResolvedModel } from "../../src/index.js";

type Answer = ResolvedModel & { readonly error?: string; readonly message?: string };

/** Resolves a model in a process of its own, from the built package. */
export function startResolving(name: string, settings: HubSettings, options: { readonly cwd?: string; readonly progress?: boolean; readonly environment?: Record<string, string> } = {}): ChildProcessWithoutNullStreams {
  const program = fileURLToPath(new URL("resolving-child.mjs", import.meta.url));
  const { HF_TOKEN: _, HF_HUB_OFFLINE: __, NODE_OPTIONS: ___, ...inherited } = process.env;
  const environment = { ...inherited, HF_ENDPOINT: settings.endpoint, HF_HUB_CACHE: settings.cacheFolder, ...options.environment };
  return spawn(process.execPath, [program, name, ...(options.progress === true ? ["progress"] : [])], { env: environment, ...(options.cwd === undefined ? {} : { cwd: options.cwd }) });
}

/** What the process found, once it has ended. */
export async function answerOf(child: ChildProcessWithoutNullStreams): Promise<Answer> {
  let [text, errors] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  await new Promise((resolve) => child.on("close", resolve));
  const last = text.trim().split("\n").at(-1)!;
  if (!last.startsWith("{")) throw new Error(`The process ended without an answer: ${text}${errors}`);
  return JSON.parse(last) as Answer;
}
