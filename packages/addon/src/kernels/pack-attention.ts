import { ShapeError } from "@elastic-attention/core";
import { type AttentionSequence, type BlockMask, type BlockPattern, type HybridAttentionCall, patternBlockSize } from "@elastic-attention/attention";
import { expectShape } from "@elastic-attention/tensor";
import type { CallArguments } from "../call-arguments.js";

const patternCodes: Record<BlockPattern["type"], number> = { full: 0, streaming: 1, selected: 2 };

/**
 * Packs an attention call as `AttentionCall::read` of the addons takes it.
 *
 * @param decisions whether the kernel takes patterns that are still decided; else they are waited for
 * @throws ShapeError in the operation's name
 */
export function pushAttention(operation: string, call: CallArguments, attention: HybridAttentionCall, decisions = false): CallArguments {
  const { query, output, sequences, scale, logSumExp } = attention;
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
  call.number(numQueryHeads, headDim, scale, sequences.length);
  for (const sequence of sequences) pushSequence(operation, call, sequence, numQueryHeads, decisions);
  return call;
}

function pushSequence(operation: string, call: CallArguments, sequence: AttentionSequence, numQueryHeads: number, decisions: boolean): void {
  const { start, length, cache, mask } = sequence;
  const decision = decisions ? sequence.decision : undefined;
  const patterns = decision === undefined ? sequence.patterns : [];
  const heads = decision === undefined ? patterns.length : (decision.assignment.shape[1] ?? -1);
  const fits = heads === cache.numKeyValueHeads && numQueryHeads % cache.numKeyValueHeads === 0;
  if (!fits) throw new ShapeError(`${operation}: the heads of query, cache and patterns do not fit together.`);
  call.number(start, length, cache.length).tensor(cache.keys).tensor(cache.values).pages(cache.pages);
  if (mask === undefined) call.missing().number(0);
  else call.tensor(mask.visited).number(mask.queryBlocks);
  if (decision === undefined) call.missing().number(0, 0);
  else call.tensor(decision.assignment).number(decision.row, decision.choices.length);
  call.number(heads);
  for (const choice of decision?.choices ?? []) pushPattern(operation, call, choice, mask);
  for (const [head, store] of cache.heads.entries()) {
    if (decision === undefined) pushPattern(operation, call, patterns[head]!, mask);
    call.store(store);
  }
}

function pushPattern(operation: string, call: CallArguments, pattern: BlockPattern, mask: BlockMask | undefined): void {
  const streaming = pattern.type === "streaming" ? pattern : { sinkBlocks: 0, localBlocks: 0 };
  if (pattern.type === "selected" && mask?.blockSize !== pattern.blockSize) {
    throw new ShapeError(`${operation}: a "selected" pattern needs a mask of its block size.`);
  }
  call.number(patternCodes[pattern.type], streaming.sinkBlocks, streaming.localBlocks, patternBlockSize(pattern));
}
