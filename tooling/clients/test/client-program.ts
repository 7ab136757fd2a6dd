import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { ServedDemo } from "./served-demo.js";

/**
 * What a program of `programs/` prints. In a process of its own: packages that some clients need publish sources of TypeScript
 * under the condition that tests here resolve by.
 */
export async function clientProgram<Result>(name: string, demo: ServedDemo, ...given: readonly string[]): Promise<Result> {
  const program = fileURLToPath(new URL(`../programs/${name}`, import.meta.url));
  const environment = Object.fromEntries(Object.entries(process.env).filter(([variable]) => variable !== "NODE_OPTIONS"));
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...given], { env: { ...environment, API_KEY: demo.apiKey } });
  return JSON.parse(stdout) as Result;
}
