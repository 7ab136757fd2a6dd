import { ReferenceBackend } from "@elastic-attention/tensor";
import { expect, test } from "vitest";
import { type AttentionMode, blockMaskFromHost, chooseBlocksOfHeads, hasPromptEnd, type LayerCache, parseModeName, promptParts, registerAttentionMode } from "../../src/index.js";

const full: AttentionMode = { kind: "full" };
const streaming = (denseRows?: number): AttentionMode => ({ kind: "streaming", sinkTokens: 16, localTokens: 32, blockSize: 16, ...(denseRows === undefined ? {} : { denseRows }) });
const pattern = { type: "streaming", sinkBlocks: 1, localBlocks: 2, blockSize: 16 };
const parts = (modes: readonly AttentionMode[], rows: number, mode: AttentionMode, isFirst = true) =>
  promptParts(modes, rows, isFirst).map(({ start, end, patternOf }) => [start, end, patternOf(mode)]);

test("a prompt is cut where the dense rows begin, and heads of other modes go on as they were", () => {
  const dense = streaming(24);
  expect(parts([full, dense], 100, dense)).toEqual([[0, 76, pattern], [76, 100, { type: "full" }]]);
  expect(parts([full, dense], 100, full)).toEqual([[0, 76, { type: "full" }], [76, 100, { type: "full" }]]);
  expect(parts([full, streaming()], 100, full)).toEqual([[0, 100, { type: "full" }]]);
});

test("dense rows beyond a prompt read all of it, and two ends give three parts", () => {
  const [dense, shorter] = [streaming(24), streaming(8)];
  expect(parts([dense], 20, dense)).toEqual([[0, 20, { type: "full" }]]);
  expect(parts([dense, shorter], 100, shorter)).toEqual([[0, 76, pattern], [76, 92, pattern], [92, 100, { type: "full" }]]);
});

test("pages read the prompts of every turn whole but for the rows that choose", () => {
  const mode: AttentionMode = { kind: "pages", sinkTokens: 16, localTokens: 32, pageTokens: 16, budget: 32, promptRows: 10 };
  const chosen = { type: "selected", blockSize: 16, pages: { sinkBlocks: 1, localBlocks: 2, budgetPages: 2, budgetParts: 0 } };
  for (const isFirst of [true, false]) expect(parts([full, mode], 50, mode, isFirst)).toEqual([[0, 40, { type: "full" }], [40, 50, chosen]]);
});

test("an end beside a mode that chooses blocks for the whole prompt is refused with both names", () => {
  const xattention: AttentionMode = { kind: "xattention", stride: 8, threshold: 0.8, blockSize: 32 };
  expect(() => promptParts([xattention, streaming(8)], 100, true)).toThrow(/xattention and streaming: one chooses blocks/);
  expect(promptParts([xattention, streaming()], 100, true)).toHaveLength(1);
});

test("what is read in parts differs from the whole where a mode has an end", () => {
  expect([full, streaming(), streaming(4)].map(hasPromptEnd)).toEqual([false, false, true]);
});

test("in a mode that chooses blocks, the query blocks of dense rows read every block before them", () => {
  const backend = new ReferenceBackend();
  registerAttentionMode({
    kind: "nothing-chosen",
    label: "NC",
    validate: () => {},
    pattern: () => ({ type: "selected", blockSize: 4 }),
    decodePattern: () => ({ type: "full" }),
    retention: () => ({ type: "all" }),
    select: () => blockMaskFromHost(backend, new Uint8Array(4 * 25), { blockSize: 4, numQueryHeads: 4, keyBlocks: 5 }),
  });
  const mode: AttentionMode = { kind: "nothing-chosen", denseRows: 6 };
  const cache = { length: 18, numKeyValueHeads: 2 } as LayerCache;
  const query = backend.allocate([18, 4, 8], "f32");
  using mask = chooseBlocksOfHeads([full, mode], [{ type: "full" }, { type: "selected", blockSize: 4 }], { layer: 0, query, cache, scale: 1 })!;
  const rows = Array.from({ length: 4 }, (_, head) => Array.from(mask.visited.download().subarray(head * 25, (head + 1) * 25)));
  const zeros = (length: number) => Array.from({ length }, () => 0);
  const nothing = zeros(25);
  // 6 of 18 rows begin in block 3.
  const dense = [...zeros(15), 1, 1, 1, 1, 0, 1, 1, 1, 1, 1];
  expect(rows).toEqual([nothing, nothing, dense, dense]);
  query.dispose();
});

test("a mode's name carries settings as numbers and fractions", () => {
  expect(parseModeName("fa-pages:budget=1/8:page=32")).toEqual({ name: "fa-pages", settings: { budget: 0.125, page: 32 } });
  expect(parseModeName("fa-ssa")).toEqual({ name: "fa-ssa", settings: {} });
  for (const wrong of ["fa-pages:budget", "fa-pages:budget=", "fa-pages:budget=many", "fa-pages:=3", "fa-pages:budget=1/0"]) expect(() => parseModeName(wrong)).toThrow(/is no setting/);
  expect(() => parseModeName("fa-pages:budget=1:budget=2")).toThrow(/gives budget twice/);
});
