import { type AttentionSequence, type BlockPattern, type HybridAttentionCall, patternBlockSize } from "@elastic-attention/attention";
import { expectShape, ShapeError } from "@elastic-attention/tensor";
import type { CallArguments } from "../call-arguments.js";

const patternCodes: Record<BlockPattern["type"], number> = { full: 0, streaming: 1, selected: 2 };

/** Packs an attention call as `AttentionCall::read` of the addons takes it. @throws ShapeError in the operation's name */
export function pushAttention(operation: string, call: CallArguments, attention: HybridAttentionCall): CallArguments {
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
  for (const sequence of sequences) pushSequence(operation, call, sequence, numQueryHeads);
  return call;
}

function pushSequence(operation: string, call: CallArguments, sequence: AttentionSequence, numQueryHeads: number): void {
  const { start, length, cache, patterns, mask } = sequence;
  const fits = patterns.length === cache.numKeyValueHeads && numQueryHeads % cache.numKeyValueHeads === 0;
  if (!fits) throw new ShapeError(`${operation}: the heads of query, cache and patterns do not fit together.`);
  call.number(start, length, cache.length).tensor(cache.keys).tensor(cache.values).pages(cache.pages);
  if (mask === undefined) call.missing().number(0);
  else call.tensor(mask.visited).number(mask.queryBlocks);
  call.number(patterns.length);
  for (const [head, pattern] of patterns.entries()) {
    const streaming = pattern.type === "streaming" ? pattern : { sinkBlocks: 0, localBlocks: 0 };
    if (pattern.type === "selected" && mask?.blockSize !== pattern.blockSize) {
      throw new ShapeError(`${operation}: a "selected" pattern needs a mask of its block size.`);
    }
    call.number(patternCodes[pattern.type], streaming.sinkBlocks, streaming.localBlocks, patternBlockSize(pattern));
    call.store(cache.heads[head]!);
  }
}
