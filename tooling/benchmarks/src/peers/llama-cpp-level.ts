import { cpSync, existsSync, renameSync } from "node:fs";
import { basename, join } from "node:path";
import { cacheFolder } from "../folders.js";

/** The library of llama.cpp that computes with what one of our levels may use. */
const libraries: Readonly<Record<string, string>> = {
  plain: "x64",
  avx2: "haswell",
  "avx-vnni": "alderlake",
  avx512: "icelake",
  "avx512-bf16": "zen4",
  amx: "sapphirerapids",
};

/** Levels that llama.cpp can be held to. */
export const peerLevels: readonly string[] = Object.keys(libraries);

/**
 * A copy of an installed llama.cpp that has one level's library alone: it takes the best that it finds, and has no switch. Kept
 * between runs.
 * @param folder holds node_modules/node-llama-cpp
 */
export function llamaCppOfLevel(folder: string, level: string): string {
  const kept = `libggml-cpu-${libraries[level]}.so`;
  const copy = join(cacheFolder(), `llama-cpp-${level}`);
  if (existsSync(copy)) return copy;
  const unfinished = `${copy}.${process.pid}`;
  cpSync(join(folder, "node_modules"), join(unfinished, "node_modules"), {
    recursive: true,
    filter: (path) => !basename(path).startsWith("libggml-cpu-") || basename(path) === kept,
  });
  renameSync(unfinished, copy);
  return copy;
}
