import type { ModelAdapter } from "../model/model-adapter.js";
import type { ModelSpec } from "../model/model-spec.js";
import { expectedTensors } from "../loading/expected-tensors.js";
import { biasName } from "../loading/check-weights.js";
import type { ModelShard, Range } from "./model-shard.js";

/** What a rank has of a tensor: ranges of one of its dimensions, one after another. */
export interface AxisSlice {
  readonly axis: number;
  readonly ranges: readonly Range[];
}

/** What a rank has of the tensors of a checkpoint, by their names; of those without an entry all. */
export interface TensorSlices {
  readonly slices: ReadonlyMap<string, AxisSlice>;
  /** Tensors that count once: biases behind a sum over ranks. On other ranks they are zeros. */
  readonly once: ReadonlySet<string>;
  /** A name by which another tensor is read. */
  readonly aliases: ReadonlyMap<string, string>;
}

/** @param spec of the whole model */
export function tensorSlices(adapter: ModelAdapter, spec: ModelSpec, shard: ModelShard): TensorSlices {
  const slices = new Map<string, AxisSlice>();
  const once = new Set<string>();
  const aliases = new Map<string, string>();
  const rows = (name: string, ranges: readonly Range[]) => {
    slices.set(name, { axis: 0, ranges });
    slices.set(biasName(name), { axis: 0, ranges });
  };
  const columns = (name: string, ranges: readonly Range[]) => {
    slices.set(name, { axis: 1, ranges });
    if (shard.rank > 0) once.add(biasName(name));
  };
  for (const { role, layer, expert } of expectedTensors(adapter, spec)) {
    const name = adapter.weightName(role, layer, expert);
    const heads = headRanges(spec, shard, layer);
    const features = shard.features[layer] ?? [0, 0];
    const { intermediateSize } = spec.layers[layer]!.feedForward;
    switch (role) {
      case "query":
        rows(name, heads.queries);
        break;
      case "key":
      case "value":
        rows(name, heads.keys);
        break;
      case "queryKeyValue":
        rows(name, heads.fused);
        break;
      case "attentionOutput":
        columns(name, heads.queries);
        break;
      case "sinks":
        slices.set(name, { axis: 0, ranges: shard.queryHeads[layer]!.map((head): Range => [head, head + 1]) });
        break;
      case "gate":
      case "up":
      case "expertGate":
      case "expertUp":
        rows(name, [features]);
        break;
      case "gateUp":
        rows(name, [features, shifted(features, intermediateSize)]);
        break;
      case "down":
      case "expertDown":
        columns(name, [features]);
        break;
      case "output":
        rows(name, [shard.vocabulary]);
        break;
      default:
        break;
    }
  }
  if (spec.tiedEmbeddings) {
    const output = adapter.weightName("output", 0);
    aliases.set(output, adapter.weightName("embedding", 0));
    slices.set(output, { axis: 0, ranges: [shard.vocabulary] });
  }
  if (adapter.expertLayout === "joined") for (const layer of spec.layers.keys()) addJoinedExperts(adapter, spec, shard, layer, slices, once);
  return { slices, once, aliases };
}

/** Experts in one tensor: see `JoinedExperts` for how they lie there. */
function addJoinedExperts(adapter: ModelAdapter, spec: ModelSpec, shard: ModelShard, layer: number, slices: Map<string, AxisSlice>, once: Set<string>): void {
  const { feedForward } = spec.layers[layer]!;
  if (feedForward.kind !== "experts") return;
  const [start, end] = shard.features[layer]!;
  // Outputs of gate and up alternate.
  const inner: Range = feedForward.gated ? [2 * start, 2 * end] : [start, end];
  const [gateUp, down] = [adapter.weightName("expertGateUp", layer), adapter.weightName("expertDown", layer)];
  slices.set(gateUp, { axis: 2, ranges: [inner] });
  for (const part of ["_blocks", "_scales", "_bias"]) slices.set(gateUp + part, { axis: 1, ranges: [inner] });
  slices.set(down, { axis: 1, ranges: [[start, end]] });
  for (const part of ["_blocks", "_scales"]) slices.set(down + part, { axis: 2, ranges: [[start / 32, end / 32]] });
  if (shard.rank > 0) once.add(`${down}_bias`);
}

/** Rows of projections that belong to a rank's heads. */
function headRanges({ headDim, numQueryHeads, numKeyValueHeads }: ModelSpec, { queryHeads, keyValueHeads }: ModelShard, layer: number) {
  const rangesOf = (heads: readonly number[] = []) => joined(heads.map((head): Range => [head * headDim, (head + 1) * headDim]));
  const [queries, keys] = [rangesOf(queryHeads[layer]), rangesOf(keyValueHeads[layer])];
  const [firstKey, firstValue] = [numQueryHeads * headDim, (numQueryHeads + numKeyValueHeads) * headDim];
  const behind = (by: number) => keys.map((range) => shifted(range, by));
  return { queries, keys, fused: [...queries, ...behind(firstKey), ...behind(firstValue)] };
}

function shifted([start, end]: Range, by: number): Range {
  return [start + by, end + by];
}

/** Ranges that follow each other as one. */
function joined(ranges: readonly Range[]): Range[] {
  const result: Range[] = [];
  for (const [start, end] of ranges) {
    const last = result.at(-1);
    if (last !== undefined && last[1] === start) result[result.length - 1] = [last[0], end];
    else result.push([start, end]);
  }
  return result;
}
