import { readFileSync } from "node:fs";
import { InvalidRequestError, TextEncodingError } from "@elastic-attention/core";
import { promptText, refusePage } from "./file-kind.js";
import { findFiles } from "./find-files.js";

/** Most bytes of all files of a prompt: several times the longest context there is. */
export const mostBytes = 64 * 2 ** 20;

/** A text that a prompt is made of. */
export interface PromptDocument {
  readonly name: string;
  readonly text: string;
}

/** The documents of a prompt, and files of folders that are no plain text, with the reason. */
export interface PromptDocuments {
  readonly documents: readonly PromptDocument[];
  readonly leftOut: readonly string[];
}

/**
 * Reads files and folders in the order given.
 *
 * @throws InvalidRequestError, TextEncodingError for a named file that is no plain text, and for more than {@link mostBytes}; the
 *   system's error for one that cannot be read
 */
export async function readDocuments(paths: readonly string[]): Promise<PromptDocuments> {
  const files = findFiles(paths);
  requireRoom(files.reduce((sum, { bytes }) => sum + bytes, 0));
  const documents: PromptDocument[] = [];
  const leftOut: string[] = [];
  for (const { path, inFolder } of files) {
    try {
      const text = await promptText(readFileSync(path), path);
      refusePage(text, path);
      documents.push({ name: path, text });
    } catch (error) {
      // One that was named is asked for; a folder has what it has.
      if (!inFolder || !(InvalidRequestError.isInstance(error) || TextEncodingError.isInstance(error))) throw error;
      leftOut.push(error.message.split("\n")[0]!);
    }
  }
  if (documents.length === 0 && leftOut.length > 0) throw new InvalidRequestError(`No file of plain text was found: ${leftOut[0]}`, "Name a file, or a folder of text files.");
  return { documents, leftOut };
}

/** @throws InvalidRequestError */
export function requireRoom(bytes: number): void {
  if (bytes <= mostBytes) return;
  throw new InvalidRequestError(`The prompt has ${(bytes / 1e6).toFixed(0)} MB of text; at most ${mostBytes / 2 ** 20} MiB are read.`, "No model's context holds as much: name fewer or smaller files.");
}
