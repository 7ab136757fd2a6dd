import type { Checkpoint } from "@elastic-attention/tensor";
import type { ModelAdapter } from "../model/model-adapter.js";
import type { ModelSpec } from "../model/model-spec.js";

/** Bytes that are compared at once. */
const sliceBytes = 4 << 20;

/**
 * Whether a checkpoint whose config ties the output projection to the embedding has an output projection of its own that
 * differs from it. transformers uses such a tensor, whatever the config says.
 */
export function hasOwnHead(checkpoint: Checkpoint, adapter: ModelAdapter, spec: ModelSpec): boolean {
  if (!spec.tiedEmbeddings) return false;
  const [embedding, output] = [adapter.weightName("embedding", 0), adapter.weightName("output", 0)];
  if (output === embedding || !checkpoint.has(output) || !checkpoint.has(embedding)) return false;
  const [left, right] = [checkpoint.entry(embedding), checkpoint.entry(output)];
  if (left.type !== right.type || left.shape.join() !== right.shape.join()) return true;
  for (let start = 0; start < left.byteLength; start += sliceBytes) {
    const range = { start, end: start + sliceBytes };
    if (Buffer.compare(checkpoint.read(embedding, range), checkpoint.read(output, range)) !== 0) return true;
  }
  return false;
}
