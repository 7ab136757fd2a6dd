import { InvalidOptionError } from "@elastic-attention/core";
import type { ModelSpec } from "../model/model-spec.js";

/** Numbers [start, end). */
export type Range = readonly [start: number, end: number];

/** What one of several ranks holds of a model: data, from which its spec and its weights follow. */
export interface ModelShard {
  readonly rank: number;
  readonly size: number;
  /** Of the whole model. */
  readonly numKeyValueHeads: number;
  /** [layer]: the key-value heads of the model that are this rank's, in its order. */
  readonly keyValueHeads: readonly (readonly number[])[];
  /** [layer]: query heads of the model, in the order of the key-value heads that they read. */
  readonly queryHeads: readonly (readonly number[])[];
  /** [layer]: features between the projections of the MLP, of each expert where there are several. */
  readonly features: readonly Range[];
  /** Rows of the output projection. */
  readonly vocabulary: Range;
  /** [rank]: how many rows each has. */
  readonly outputRows: readonly number[];
  /** Whether it is the first of the ranks that hold its key-value heads: what is counted over heads counts these once. */
  readonly holdsFirst: boolean;
}

/** Which rank each key-value head of a layer goes to: [layer][rank], lists of heads, each rank as many. */
export type HeadPlacement = readonly (readonly (readonly number[])[])[];

export interface ShardOptions {
  /** Default: heads one after another. Only where each rank holds heads of its own. */
  readonly placement?: HeadPlacement;
  /** Features of an MLP that stay together: the blocks that its last projection is quantised in. Default 1. */
  readonly featureUnit?: number;
}

/**
 * The shares of so many ranks. Key-value heads are divided; where there are more ranks than heads, each head is on several ranks,
 * which divide the query heads that read it.
 *
 * @throws InvalidOptionError for a number of ranks that divides neither way, naming those that do; for a model that cannot be
 *   divided; for a placement that does not fit
 */
export function shardModel(spec: ModelSpec, size: number, { placement, featureUnit = 1 }: ShardOptions = {}): ModelShard[] {
  requireDivisible(spec, size);
  const { numKeyValueHeads, numQueryHeads, vocabularySize, layers } = spec;
  const [group, copies] = [numQueryHeads / numKeyValueHeads, Math.max(1, size / numKeyValueHeads)];
  if (placement !== undefined) requirePlacement(placement, spec, size, copies);
  const perRank = Math.max(1, numKeyValueHeads / size);
  const vocabularyUnit = usableUnit(vocabularySize, size, 1);
  const vocabularies = indices(size).map((rank) => shareOf(vocabularySize, rank, size, vocabularyUnit));
  return Array.from({ length: size }, (_, rank): ModelShard => {
    const keyValueHeads = layers.map((_, layer) => placement?.[layer]?.[rank] ?? indices(perRank).map((head) => Math.floor(rank / copies) * perRank + head));
    const [own, part] = [group / copies, rank % copies];
    return {
      rank,
      size,
      numKeyValueHeads,
      keyValueHeads,
      queryHeads: keyValueHeads.map((heads) => heads.flatMap((head) => indices(own).map((query) => head * group + part * own + query))),
      features: layers.map(({ feedForward }) => shareOf(feedForward.intermediateSize, rank, size, usableUnit(feedForward.intermediateSize, size, featureUnit))),
      vocabulary: vocabularies[rank]!,
      outputRows: vocabularies.map(([start, end]) => end - start),
      holdsFirst: part === 0,
    };
  });
}

/** The spec of a rank's share: its heads and features are those of the rank, all else is the model's. */
export function shardSpec(spec: ModelSpec, shard: ModelShard): ModelSpec {
  return {
    ...spec,
    shard,
    numQueryHeads: shard.queryHeads[0]?.length ?? spec.numQueryHeads,
    numKeyValueHeads: shard.keyValueHeads[0]?.length ?? spec.numKeyValueHeads,
    layers: spec.layers.map((layer, index) => {
      const [start, end] = shard.features[index]!;
      return { ...layer, feedForward: { ...layer.feedForward, intermediateSize: end - start } };
    }),
    // Its rows of the output projection are a matrix of their own.
    tiedEmbeddings: false,
  };
}

/** Rows of the output projection: the vocabulary, or a rank's part of it. */
export function outputRows({ shard, vocabularySize }: Pick<ModelSpec, "shard" | "vocabularySize">): number {
  return shard === undefined ? vocabularySize : shard.vocabulary[1] - shard.vocabulary[0];
}

function requireDivisible(spec: ModelSpec, size: number): void {
  const { numKeyValueHeads, numQueryHeads, queryKeyNorm, layers } = spec;
  if (!(Number.isInteger(size) && size >= 1)) throw refusal(`A model is shared by 1 or more ranks, found ${size}.`);
  const group = numQueryHeads / numKeyValueHeads;
  const fits = (ranks: number) => numKeyValueHeads % ranks === 0 || (ranks % numKeyValueHeads === 0 && group % (ranks / numKeyValueHeads) === 0);
  if (!fits(size)) {
    const possible = indices(numQueryHeads).map((index) => index + 1).filter(fits);
    throw refusal(`${numKeyValueHeads} key-value heads with ${numQueryHeads} query heads cannot be shared by ${size} ranks.`, `Take ${possible.join(", ")}.`);
  }
  if (size > 1 && queryKeyNorm === "projection") {
    throw refusal("The norms of this model's queries and keys span all of its heads, which one rank does not have.", "Run it on one card.");
  }
  const narrow = layers.find(({ feedForward }) => feedForward.intermediateSize < size);
  if (narrow !== undefined) throw refusal(`An MLP of ${narrow.feedForward.intermediateSize} features cannot be shared by ${size} ranks.`);
}

function requirePlacement(placement: HeadPlacement, { numKeyValueHeads, numLayers }: ModelSpec, size: number, copies: number): void {
  const perRank = numKeyValueHeads / size;
  const isWhole = (ranks: readonly (readonly number[])[]) => {
    const all = ranks.flat().toSorted((a, b) => a - b);
    return ranks.length === size && ranks.every((heads) => heads.length === perRank) && all.every((head, index) => head === index);
  };
  if (copies === 1 && placement.length === numLayers && placement.every(isWhole)) return;
  throw refusal(`A placement gives each of ${size} ranks ${perRank} of the ${numKeyValueHeads} key-value heads in each of ${numLayers} layers, each head once.`);
}

/** The largest unit, of a few that kernels like, that leaves every rank something; it holds whole units of what is asked for. */
function usableUnit(total: number, size: number, least: number): number {
  const fits = (unit: number) => unit % least === 0 && total % unit === 0 && total / unit >= size;
  const unit = [256, 64, 32, least].find(fits);
  if (unit !== undefined) return unit;
  if (least === 1) return 1;
  throw refusal(`${total} features in blocks of ${least} cannot be shared by ${size} ranks.`, "Unpack the weights (--weights unpacked), or take fewer ranks.");
}

/** Part `rank` of `size` nearly equal ones, in whole units but for what is left over at the end. */
function shareOf(total: number, rank: number, size: number, unit: number): Range {
  const units = Math.ceil(total / unit);
  const border = (index: number) => Math.min(total, Math.floor((units * index) / size) * unit);
  return [border(rank), border(rank + 1)];
}

function indices(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}

function refusal(message: string, hint?: string): InvalidOptionError {
  return new InvalidOptionError(message, "gpus", hint);
}
