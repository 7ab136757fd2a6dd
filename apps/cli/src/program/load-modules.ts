import { existsSync, readFileSync, statSync } from "node:fs";
import { isAbsolute, join, resolve as absolute } from "node:path";
import { pathToFileURL } from "node:url";
import { InvalidOptionError } from "@elastic-attention/core";

/**
 * Imports modules and calls their default exports, which register routers, modes, adapters, backends or suites. What comes
 * with the command line is registered first, so that a module can replace it.
 *
 * @throws InvalidOptionError naming the module
 */
export async function loadModules(specifiers: readonly string[]): Promise<void> {
  if (specifiers.length === 0) return;
  const { default: registerPackages } = await import("./register-packages.js");
  registerPackages();
  for (const specifier of specifiers) await registerModule(specifier);
}

async function registerModule(specifier: string): Promise<void> {
  const url = await moduleUrl(specifier);
  let register: unknown;
  try {
    ({ default: register } = (await import(url)) as { default?: unknown });
  } catch (error) {
    throw refused(specifier, `cannot be imported: ${(error as Error).message}`);
  }
  if (typeof register !== "function") {
    throw refused(specifier, "has no default export that is a function", "It registers what it brings: export default function register() { … }.");
  }
  try {
    await (register as () => unknown)();
  } catch (error) {
    throw refused(specifier, `failed while it registered: ${(error as Error).message}`);
  }
}

/** URLs of modules, for the worker thread of an engine, which imports them again. @throws InvalidOptionError */
export function moduleUrls(specifiers: readonly string[]): Promise<string[]> {
  return Promise.all(specifiers.map(moduleUrl));
}

/** A file, the folder of a package, or the name of a package that is installed where the command runs. */
async function moduleUrl(specifier: string): Promise<string> {
  const path = absolute(specifier);
  if (existsSync(path) && statSync(path).isFile()) return pathToFileURL(path).href;
  const { resolve } = await import("import-meta-resolve");
  try {
    const manifest = join(path, "package.json");
    // A package may import itself by its name, which is how its `exports` are read.
    if (existsSync(manifest)) return resolve((JSON.parse(readFileSync(manifest, "utf8")) as { name: string }).name, pathToFileURL(manifest).href);
    if (!isPath(specifier)) return resolve(specifier, pathToFileURL(absolute("package.json")).href);
  } catch (error) {
    throw notFound(specifier, (error as Error).message);
  }
  throw notFound(specifier, `there is no file or package at ${path}`);
}

function isPath(specifier: string): boolean {
  return isAbsolute(specifier) || /^\.{1,2}(?:[/\\]|$)/.test(specifier);
}

function notFound(specifier: string, reason: string): InvalidOptionError {
  return refused(specifier, `was not found: ${reason}`, "Name a JavaScript file, the folder of a package, or an installed package.");
}

function refused(specifier: string, what: string, hint?: string): InvalidOptionError {
  return new InvalidOptionError(`--load: ${specifier} ${what}${/[.!?]$/.test(what) ? "" : "."}`, "--load", hint);
}
