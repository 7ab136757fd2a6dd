import { existsSync } from "node:fs";
import { dirname, resolve as absolute } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ElasticAttentionError } from "@elastic-attention/core";
import type * as Server from "@elastic-attention/server";

const name = "@elastic-attention/server";

/**
 * The server's package, which not every user of the command line needs: beside this package, else where the command runs.
 *
 * @throws ElasticAttentionError where it is not installed
 */
export async function loadServer(): Promise<typeof Server> {
  try {
    return (await import(name)) as typeof Server;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const { resolve } = await import("import-meta-resolve");
  try {
    return (await import(resolve(name, pathToFileURL(absolute("package.json")).href))) as typeof Server;
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new ElasticAttentionError("PACKAGE_MISSING", `${name} is not installed.`, { hint: `Install it beside the command line: npm install --global ${name}`, cause: error });
  }
}

const inspector = "@elastic-attention/inspector";

/** The folder of the inspector's page: beside this package, else where the command runs. @throws ElasticAttentionError where it is not installed */
export async function inspectorFolder(): Promise<string> {
  const { resolve } = await import("import-meta-resolve");
  for (const from of [import.meta.url, pathToFileURL(absolute("package.json")).href]) {
    try {
      const path = fileURLToPath(resolve(`${inspector}/index.html`, from));
      if (existsSync(path)) return dirname(path);
    } catch {
      // Not there: the other place may have it.
    }
  }
  throw new ElasticAttentionError("PACKAGE_MISSING", `${inspector} is not installed.`, { hint: `Install it beside the command line: npm install --global ${inspector}` });
}

/** Whether the package itself was not found, rather than something that it imports. */
function isMissing(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return code === "ERR_MODULE_NOT_FOUND" && String(message).includes(`'${name}'`);
}
