import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { HubResponseError } from "@elastic-attention/core";

/** What the hub says of a file's content: SHA-256 of large files, git's SHA-1 of small ones. */
export interface ContentHash {
  readonly kind: "sha256" | "git-sha1";
  readonly hex: string;
}

/** The kind follows from the length. @throws HubResponseError for what is no hash: it is to be the name of a file */
export function contentHash(hex: string): ContentHash {
  if (/^[0-9a-f]{64}$/.test(hex)) return { kind: "sha256", hex };
  if (/^[0-9a-f]{40}$/.test(hex)) return { kind: "git-sha1", hex };
  throw new HubResponseError(`The hub gave "${hex.slice(0, 80)}" for the hash of a file.`);
}

/** "sha256:cb45b11a…", in full. */
export function hashText({ kind, hex }: ContentHash): string {
  return `${kind}:${hex}`;
}

/** A hash to be fed with a content of `size` bytes. */
export function startHash(kind: ContentHash["kind"], size: number): Hash {
  if (kind === "sha256") return createHash("sha256");
  return createHash("sha1").update(`blob ${size}\0`);
}

/** Reads a file once. */
export async function hashFile(path: string, kind: ContentHash["kind"], size: number, signal?: AbortSignal): Promise<ContentHash> {
  const hash = startHash(kind, size);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, ...(signal === undefined ? {} : { signal }) })) hash.update(chunk as Buffer);
  return { kind, hex: hash.digest("hex") };
}
