import { randomFloats } from "@elastic-attention/fixtures";
import { ReferenceBackend, type Tensor } from "@elastic-attention/tensor";
import { expect, test } from "vitest";
import { blockMaskFromHost, type BlockPattern, dualAttention, type DualAttentionSequence, hybridAttention, knownPatterns } from "../src/index.js";
import { filledCache, floats, poisoned } from "./filled-cache.js";

const backend = new ReferenceBackend();
const [headDim, numKeyValueHeads, group] = [8, 2, 3];
const numQueryHeads = numKeyValueHeads * group;
const full: BlockPattern = { type: "full" };
const streaming: BlockPattern = { type: "streaming", sinkBlocks: 1, localBlocks: 1, blockSize: 4 };
const selected: BlockPattern = { type: "selected", blockSize: 4 };

function cacheOf(seed: number, keys: number) {
  const count = keys * numKeyValueHeads * headDim;
  return filledCache(backend, randomFloats(seed, count), randomFloats(seed + 1, count), { numKeyValueHeads, headDim, spareSlots: 1 });
}

function everySecondBlock(keyBlocks: number) {
  const bytes = Uint8Array.from({ length: numQueryHeads * keyBlocks * keyBlocks }, (_, i) => Number(i % 3 !== 1));
  return blockMaskFromHost(backend, bytes, { blockSize: 4, numQueryHeads, keyBlocks });
}

test("gives what two hybrid calls give: full or retrieval patterns beside the sparse ones", () => {
  using first = cacheOf(10, 21);
  using second = cacheOf(20, 17);
  using mask = everySecondBlock(6);
  using retrievalMask = everySecondBlock(5);
  const sequences: DualAttentionSequence[] = [
    { start: 0, length: 21, cache: first, routing: knownPatterns([streaming, selected], mask) },
    { start: 21, length: 17, cache: second, routing: knownPatterns([streaming, streaming]), retrieval: knownPatterns([selected, full], retrievalMask) },
  ];
  const shape = [40, numQueryHeads, headDim];
  using query = floats(backend, randomFloats(1, 40 * numQueryHeads * headDim), shape);
  const outputs = () => ({ output: poisoned(backend, shape), logSumExp: poisoned(backend, [40, numQueryHeads]) });
  const [fullSide, sparseSide, wantedFull, wantedSparse] = [outputs(), outputs(), outputs(), outputs()];
  backend.kernels.run(dualAttention, {
    query, fullOutput: fullSide.output, fullLogSumExp: fullSide.logSumExp, sparseOutput: sparseSide.output, sparseLogSumExp: sparseSide.logSumExp, sequences, scale: 0.3,
  });
  const retrieval = [
    { start: 0, length: 21, cache: first, routing: knownPatterns([full, full]) },
    { start: 21, length: 17, cache: second, routing: knownPatterns([selected, full], retrievalMask) },
  ];
  backend.kernels.run(hybridAttention, { query, ...wantedFull, sequences: retrieval, scale: 0.3 });
  backend.kernels.run(hybridAttention, { query, ...wantedSparse, sequences, scale: 0.3 });
  const same = (a: Tensor, b: Tensor): void => expect(a.download()).toEqual(b.download());
  same(fullSide.output, wantedFull.output);
  same(fullSide.logSumExp, wantedFull.logSumExp);
  same(sparseSide.output, wantedSparse.output);
  same(sparseSide.logSumExp, wantedSparse.logSumExp);
  expect(fullSide.output.download()).not.toEqual(sparseSide.output.download());
});
