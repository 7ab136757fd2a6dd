import type { DecodeAttentionCall, DecodeBatch, DecodeRotation, PrepareDecodeCall } from "@elastic-attention/attention";
import { expectShape, type Tensor, turnedHalf } from "@elastic-attention/tensor";
import { CallArguments } from "../../call-arguments.js";
import { pushAttentionScores } from "./pack-attention.js";

/** How an addon gets the pool of a batch. */
export interface DecodePool {
  /** Keys, values and page entries as they are passed: whole, or without rows where these change under a step that was recorded. */
  readonly rows: (tensor: Tensor) => Tensor;
  /** Whether keys and values of a rounded cache are passed as its rows, not as bytes. */
  readonly readsRounded: boolean;
}

/** The tables of a batch, in the order in which addons read them. */
export function decodeBatchArguments({ lengths, heads, plan, options }: DecodeBatch, { rows, readsRounded }: DecodePool): CallArguments {
  const { pool, numLayers, numKeyValueHeads, tokensTogether = 1 } = options;
  const call = new CallArguments().vector(lengths).tensor(heads);
  for (const each of [pool.keys, pool.values]) {
    if (readsRounded) call.cacheRows(rows(each), pool.options);
    else call.tensor(rows(each));
  }
  return call.tensor(rows(pool.entries)).number(pool.pageTokens).tensor(plan).number(numLayers, numKeyValueHeads, tokensTogether);
}

/** What prepares the heads of a step: their projection, norms and rotation. @throws ShapeError */
export function prepareDecodeArguments({ batch, layer, queryKeyValue, numQueryHeads, headDim, queryNorm, keyNorm, epsilon, rotation }: PrepareDecodeCall, pool: DecodePool): CallArguments {
  const { slots, numKeyValueHeads } = batch.options;
  expectShape("prepareDecode", "queryKeyValue", queryKeyValue, [slots, (numQueryHeads + 2 * numKeyValueHeads) * headDim]);
  const call = decodeBatchArguments(batch, pool).number(layer).tensor(queryKeyValue);
  for (const norm of [queryNorm, keyNorm]) {
    if (norm === undefined) call.missing();
    else call.vector(norm);
  }
  call.number(epsilon).number(numQueryHeads, headDim);
  if (rotation === undefined) return call.flag(false);
  return pushRotation(call, rotation, headDim);
}

/** The attention of a step; an addon may want more behind it. @throws ShapeError */
export function decodeAttentionArguments({ batch, layer, query, output, ...scores }: DecodeAttentionCall, pool: DecodePool): CallArguments {
  const [numQueryHeads, headDim] = [query.shape[1]!, query.shape[2]!];
  expectShape("decodeAttention", "query", query, [batch.options.slots, numQueryHeads, headDim]);
  expectShape("decodeAttention", "output", output, query.shape);
  const call = decodeBatchArguments(batch, pool).number(layer).tensor(query).tensor(output).number(numQueryHeads, headDim);
  return pushAttentionScores("decodeAttention", call, scores, numQueryHeads);
}

/** Whether there is a rotation, its pairs and rows, then the tables of queries and keys. */
function pushRotation(call: CallArguments, { pairs, rowOf, query, key }: DecodeRotation, headDim: number): CallArguments {
  turnedHalf(headDim, key.cosine);
  for (const [name, table] of Object.entries({ "the keys' sine": key.sine, "the queries' cosine": query.cosine, "the queries' sine": query.sine })) {
    expectShape("prepareDecode", name, table, key.cosine.shape);
  }
  call.flag(true).flag(pairs === "neighbours").flag(rowOf === "slot");
  for (const { cosine, sine } of [query, key]) call.tensor(cosine).tensor(sine);
  return call;
}
