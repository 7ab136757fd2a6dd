import { createHash } from "node:crypto";
import type { Checkpoint } from "@elastic-attention/tensor";

/** Tensors above this many bytes enter by name and shape only: norms and biases already differ between two trainings. */
const readBytes = 1 << 16;

/** What tells a checkpoint from another: names, shapes and types of all tensors, and the values of the small ones. */
export function modelFingerprint(checkpoint: Checkpoint): string {
  const hash = createHash("sha256");
  for (const name of [...checkpoint.names].sort()) {
    const { type, shape, byteLength } = checkpoint.entry(name);
    hash.update(JSON.stringify([name, type, shape]));
    if (byteLength <= readBytes) hash.update(checkpoint.read(name));
  }
  return hash.digest("hex").slice(0, 32);
}
