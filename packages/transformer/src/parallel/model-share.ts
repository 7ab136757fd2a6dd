import { type Checkpoint, type RankGroup, weightFormats } from "@elastic-attention/tensor";
import { expectedTensors } from "../loading/expected-tensors.js";
import type { ModelAdapter } from "../model/model-adapter.js";
import type { ModelSpec } from "../model/model-spec.js";
import { placeHeads } from "./head-placement.js";
import { shardModel, shardSpec } from "./model-shard.js";
import { ShardedCheckpoint } from "./sharded-checkpoint.js";
import { tensorSlices } from "./tensor-slices.js";

/** A model, or a rank's share of one, as loading takes it. */
export interface ModelShare {
  readonly checkpoint: Checkpoint;
  readonly adapter: ModelAdapter;
  readonly spec: ModelSpec;
  readonly ranks?: RankGroup | undefined;
}

/**
 * This rank's share of a model; the whole model where there are no ranks.
 * @param shares [layer][kvHead]: how likely each head is full, for placing heads; default: heads one after another
 * @throws InvalidOptionError as `shardModel`
 */
export function shareOfModel(model: ModelShare, ranks: RankGroup | undefined, shares?: readonly (readonly number[])[]): ModelShare {
  if (ranks === undefined) return model;
  const { checkpoint, adapter, spec } = model;
  // Where several ranks have each head, there is nothing to choose.
  const isPlaced = shares !== undefined && spec.numKeyValueHeads % ranks.size === 0;
  const placement = isPlaced ? { placement: placeHeads(shares, ranks.size) } : {};
  const shard = shardModel(spec, ranks.size, { ...placement, featureUnit: featureUnit(model) })[ranks.rank]!;
  return { checkpoint: new ShardedCheckpoint(checkpoint, tensorSlices(adapter, spec, shard)), adapter, spec: shardSpec(spec, shard), ranks };
}

/** Elements of the largest block that the inputs of an MLP's last projection are quantised in. */
function featureUnit({ checkpoint, adapter, spec }: ModelShare): number {
  let unit = 1;
  for (const { role, layer, expert } of expectedTensors(adapter, spec)) {
    if (role !== "down" && role !== "expertDown") continue;
    const name = adapter.weightName(role, layer, expert);
    if (checkpoint.has(name)) unit = Math.max(unit, weightFormats.get(checkpoint.entry(name).type)?.blockSize ?? 1);
  }
  // MXFP4, whose blocks and scales are tensors of their own.
  const isPacked = adapter.expertLayout === "joined" && spec.layers.some((_, layer) => checkpoint.has(`${adapter.weightName("expertDown", layer)}_blocks`));
  return isPacked ? Math.max(unit, 32) : unit;
}
