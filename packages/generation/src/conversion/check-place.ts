import { readdirSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, resolve, sep } from "node:path";
import { FileWriteError, InvalidOptionError } from "@elastic-attention/core";
import { isModelFile } from "./folder-files.js";

/** Where a model is read from. */
interface Source {
  readonly path: string;
  readonly directory: string;
  readonly ggufPath: string | undefined;
}

/**
 * Proves that a model can be written at a place without touching the one that is read, or anything else that is there.
 * @throws InvalidOptionError, FileWriteError
 */
export function checkPlace(out: string, source: Source, overwrite: boolean): void {
  if (/\.(safetensors|bin|pt|pth)$/.test(out)) throw refused(`${out} names one file, and a model in safetensors is a folder.`, "Name a folder, or a file that ends in .gguf.");
  const parent = statSync(dirname(resolve(out)), { throwIfNoEntry: false });
  if (parent?.isDirectory() !== true) throw new FileWriteError(out, Object.assign(new Error(), { code: "ENOENT" }));
  const found = statSync(out, { throwIfNoEntry: false });
  if (found === undefined) return;
  const isGguf = out.endsWith(".gguf");
  const place = realpathSync(out);
  if (isGguf) {
    if (found.isDirectory()) throw refused(`${out} is a folder.`, "Name a file.");
    if (sourceFiles(source).includes(place)) throw refused(`${out} is the model that is read.`, "Name another file.");
  } else {
    if (!found.isDirectory()) throw refused(`${out} is a file.`, "Name a folder for safetensors, or a file that ends in .gguf.");
    const directory = realpathSync(source.directory);
    if (place === directory || directory.startsWith(place + sep)) throw refused(`${out} holds the model that is read.`, "Name another folder.");
    const entries = readdirSync(out);
    if (entries.length === 0) return;
    const other = entries.find((name) => !isModelFile(name));
    if (other !== undefined) throw refused(`${out} holds ${other}, which is no file of a model: it is not replaced.`, "Name another folder.");
  }
  if (!overwrite) throw refused(`${out} exists already.`, "Name another place, or replace it with --overwrite.");
}

/** The file that is read, and all parts where it is one of several. */
function sourceFiles({ path, ggufPath }: Source): readonly string[] {
  const file = realpathSync(ggufPath ?? path);
  const stem = /^(.*-)\d{5}-of-\d{5}\.gguf$/.exec(basename(file))?.[1];
  if (stem === undefined) return [file];
  return readdirSync(dirname(file)).filter((name) => name.startsWith(stem)).map((name) => realpathSync(resolve(dirname(file), name)));
}

function refused(message: string, hint: string): InvalidOptionError {
  return new InvalidOptionError(message, "--out", hint);
}
