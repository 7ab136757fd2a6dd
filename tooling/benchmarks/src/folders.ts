import { mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of this package: sources lie in src/ and builds in dist/, both one level below it. */
export const packageFolder = dirname(dirname(fileURLToPath(import.meta.url)));

/** The root of the workspace. */
export const workspaceRoot = dirname(dirname(packageFolder));

/**
 * Where random models and built peers are kept between runs: ELASTIC_ATTENTION_BENCHMARK_CACHE, or a folder among the
 * system's temporary files. It can be deleted at any time.
 */
export function cacheFolder(): string {
  const folder = process.env.ELASTIC_ATTENTION_BENCHMARK_CACHE ?? join(tmpdir(), "elastic-attention-benchmarks");
  mkdirSync(folder, { recursive: true });
  return folder;
}
