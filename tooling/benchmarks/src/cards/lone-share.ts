import { allReduce, type Backend, gatherColumns, type RankGroup } from "@elastic-attention/tensor";
import { DecoderModel, type ModelSpec, shardModel, shardSpec } from "@elastic-attention/transformer";

/**
 * A rank's share of a model, computed on one card by itself: sums over the others are left out, which is what the card computes
 * when it never waits. Its vocabulary is its own rows.
 */
export function loneShare(backend: Backend, spec: ModelSpec, ranks: number): DecoderModel {
  const { shard, ...share } = shardSpec(spec, shardModel(spec, ranks)[0]!);
  const [start, end] = shard!.vocabulary;
  return withoutJoining(backend, () => DecoderModel.random({ backend, spec: { ...share, vocabularySize: end - start }, dtype: "bf16", ranks: alone(backend, ranks) }));
}

/** A group whose other ranks have nothing to add. */
function alone(backend: Backend, size: number): RankGroup {
  const ranks: RankGroup = {
    name: "alone",
    rank: 0,
    size,
    allGather: (bytes) => Array.from({ length: size }, () => bytes),
    allReduceSum: () => {},
    settle: (bytes) => Array.from({ length: size }, () => bytes),
    [Symbol.dispose]: () => {},
  };
  const other = (call: { readonly ranks: RankGroup }) => (call.ranks === ranks ? [] : ["another group"]);
  backend.kernels.register(allReduce, { name: "none", supports: other, run: () => {} }, { priority: 10 });
  backend.kernels.register(gatherColumns, { name: "none", supports: other, run: () => {} }, { priority: 10 });
  return ranks;
}

/** There is no other device to reach. */
function withoutJoining<Result>(backend: Backend, work: () => Result): Result {
  if (!("joinRanks" in backend)) return work();
  Object.defineProperty(backend, "joinRanks", { value: undefined, configurable: true });
  try {
    return work();
  } finally {
    Reflect.deleteProperty(backend, "joinRanks");
  }
}
