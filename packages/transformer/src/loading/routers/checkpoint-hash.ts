import { createHash } from "node:crypto";
import { type Checkpoint, toBFloat16 } from "@elastic-attention/tensor";
import type { ModelAdapter } from "../../model/model-adapter.js";
import { hostFloats } from "../host-floats.js";

/**
 * What tells one training of a layout from another, whatever format its matrices are in: a hash of its last norm, which every
 * format keeps in at least 16 bits. Undefined for a checkpoint without one.
 */
export function checkpointHash(checkpoint: Checkpoint, adapter: Pick<ModelAdapter, "weightName">): string | undefined {
  const name = adapter.weightName("finalNorm", 0);
  if (!checkpoint.has(name)) return undefined;
  const values = hostFloats(checkpoint.read(name), checkpoint.entry(name).type);
  return createHash("sha256").update(Uint16Array.from(values, toBFloat16)).digest("hex").slice(0, 16);
}
