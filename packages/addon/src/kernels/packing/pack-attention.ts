import { ShapeError } from "@elastic-attention/core";
import {
  type AttentionScores,
  type AttentionSequence,
  type BlockMask,
  type BlockPattern,
  expectAttentionScores,
  expectTileCounts,
  type HybridAttentionCall,
  numPatternHeads,
  patternNumbers,
  waitForPatterns,
} from "@elastic-attention/attention";
import { expectShape } from "@elastic-attention/tensor";
import type { CallArguments } from "../../call-arguments.js";

/**
 * Packs an attention call as `AttentionCall::read` of the addons takes it.
 *
 * @param decisions whether the kernel takes a decision from the device; else it is waited for
 * @throws ShapeError in the operation's name
 */
export function pushAttention(operation: string, call: CallArguments, attention: HybridAttentionCall, decisions = false): CallArguments {
  const { query, output, sequences, logSumExp } = attention;
  const [tokens, numQueryHeads, headDim] = [query.shape[0]!, query.shape[1] ?? -1, query.shape[2] ?? -1];
  expectShape(operation, "query", query, [tokens, numQueryHeads, headDim]);
  expectShape(operation, "output", output, query.shape);
  call.tensor(query).tensor(output);
  if (logSumExp === undefined) {
    call.missing();
  } else {
    expectShape(operation, "logSumExp", logSumExp, [tokens, numQueryHeads]);
    call.tensor(logSumExp);
  }
  call.number(numQueryHeads, headDim);
  pushAttentionScores(operation, call, attention, numQueryHeads).number(sequences.length);
  for (const sequence of sequences) pushSequence(operation, call, sequence, numQueryHeads, decisions);
  return call;
}

/** Packs what turns products into logits. @throws ShapeError in the operation's name */
export function pushAttentionScores(operation: string, call: CallArguments, scores: AttentionScores, numQueryHeads: number): CallArguments {
  expectAttentionScores(operation, scores, numQueryHeads);
  const { scale, softCap, sinkLogits } = scores;
  call.number(scale, softCap ?? 0);
  return sinkLogits === undefined ? call.missing() : call.vector(sinkLogits);
}

function pushSequence(operation: string, call: CallArguments, sequence: AttentionSequence, numQueryHeads: number, decisions: boolean): void {
  const { start, length, cache, tileCounts } = sequence;
  const routing = decisions ? sequence.routing : waitForPatterns(sequence.routing);
  const heads = numPatternHeads(routing);
  const fits = heads === cache.numKeyValueHeads && numQueryHeads % cache.numKeyValueHeads === 0;
  if (!fits) throw new ShapeError(`${operation}: the heads of query, cache and patterns do not fit together.`);
  call.number(start, length, cache.length).cacheRows(cache.keys, cache).cacheRows(cache.values, cache).pages(cache.pages);
  if (tileCounts !== undefined) expectTileCounts(tileCounts, numQueryHeads);
  call.optional(tileCounts);
  if (routing.type === "decision") {
    const { assignment, row, choices } = routing;
    call.missing().number(0).tensor(assignment).number(row, choices.length, heads);
    for (const choice of choices) pushPattern(operation, call, choice, undefined);
    for (const store of cache.heads) call.store(store);
  } else {
    const { patterns, mask } = routing;
    if (mask === undefined) call.missing().number(0);
    else call.tensor(mask.visited).number(mask.queryBlocks);
    call.missing().number(0, 0, heads);
    for (const [head, store] of cache.heads.entries()) {
      pushPattern(operation, call, patterns[head]!, mask);
      call.store(store);
    }
  }
}

function pushPattern(operation: string, call: CallArguments, pattern: BlockPattern, mask: BlockMask | undefined): void {
  if (pattern.type === "selected" && mask?.blockSize !== pattern.blockSize) {
    throw new ShapeError(`${operation}: a "selected" pattern needs a mask of its block size.`);
  }
  call.number(...patternNumbers(pattern));
}
