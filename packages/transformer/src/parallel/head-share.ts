import { ShapeError } from "@elastic-attention/core";
import type { HeadShare } from "@elastic-attention/router";
import type { DecoderCore } from "../layer/forward-pass.js";
import { decodeMessage, encodeMessage } from "./messages.js";

/** Which heads of a layer are this rank's, for its router; undefined where the model is whole. */
export function headShare({ spec, ranks }: Pick<DecoderCore, "spec" | "ranks">, layer: number): HeadShare | undefined {
  const { shard } = spec;
  if (shard === undefined || ranks === undefined) return undefined;
  const { numKeyValueHeads: numHeads } = shard;
  const heads = shard.keyValueHeads[layer]!;
  return {
    numHeads,
    heads,
    gather(values) {
      const parts = ranks.allGather(encodeMessage({ heads, values })).map((bytes) => decodeMessage(bytes) as { heads: readonly number[]; values: Float32Array });
      const sequences = values.length / heads.length;
      if (parts.some((part) => part.values.length !== sequences * part.heads.length)) throw new ShapeError("The ranks were asked about different sequences.");
      const all = new Float32Array(sequences * numHeads);
      for (const part of parts.toReversed()) {
        // Of ranks that share a head the first one counts.
        for (const [index, head] of part.heads.entries()) {
          for (let sequence = 0; sequence < sequences; sequence++) all[sequence * numHeads + head] = part.values[sequence * part.heads.length + index]!;
        }
      }
      return all;
    },
  };
}
