import { createHash } from "node:crypto";
import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { exactRowDType } from "@elastic-attention/attention";
import { type PretrainedModel, routerFileName } from "@elastic-attention/transformer";

/** Pieces of each weight file that are read, and their bytes: all of a small file. */
const [pieces, pieceBytes] = [32, 1 << 16];

/**
 * SHA-256 over what a model's keys and values depend on: its shape, the dtype it computes in, what rows are saved in, and of
 * each weight file its name, its size, its beginning and pieces all over it. Two models that differ in any training step differ
 * in it.
 */
export function modelFingerprint({ directory, ggufPath, spec, decoder }: PretrainedModel): string {
  const hash = createHash("sha256");
  const rows = exactRowDType(decoder.dtype, decoder.caches.cacheType);
  // The modes are the plan's, which a session brings with it.
  hash.update(JSON.stringify([{ ...spec, elastic: undefined }, decoder.dtype, ...(rows === decoder.dtype ? [] : [rows])]));
  for (const path of weightFiles(directory, ggufPath)) {
    const { size } = statSync(path);
    hash.update(`\n${basename(path)}\n${size}\n`);
    const descriptor = openSync(path, "r");
    try {
      const piece = Buffer.alloc(pieceBytes);
      for (let index = 0; index < pieces; index++) {
        const position = Math.floor((Math.max(0, size - pieceBytes) * index) / (pieces - 1));
        hash.update(piece.subarray(0, readSync(descriptor, piece, 0, pieceBytes, position)));
      }
    } finally {
      closeSync(descriptor);
    }
  }
  return hash.digest("hex");
}

/** In order of their names. */
function weightFiles(directory: string, ggufPath: string | undefined): string[] {
  if (directory === "") return [];
  const folder = ggufPath === undefined ? directory : dirname(ggufPath);
  const isWeights = (name: string) => (ggufPath === undefined ? name.endsWith(".safetensors") && name !== routerFileName : name === basename(ggufPath));
  return readdirSync(folder).filter(isWeights).toSorted().map((name) => join(folder, name));
}
