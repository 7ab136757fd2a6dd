import type { AttentionMode, CacheType, SequenceCache } from "@elastic-attention/attention";
import { ConstantRouter } from "@elastic-attention/router";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { PretrainedModel, registerModelAdapter } from "../src/index.js";
import { tinyAdapter, tinyCheckpoint } from "./tiny-checkpoint.js";

registerModelAdapter(tinyAdapter);

const prompt = Array.from({ length: 90 }, (_, i) => (i * 13) % 40);
const window = { kind: "streaming", sinkTokens: 16, localTokens: 32, blockSize: 16 } as const;

/** Logits of a prompt and of a few steps; a cache that was resumed half way gives the same. */
async function logitsOf(path: string, cacheType: CacheType | undefined, fork: boolean, mode: AttentionMode = window): Promise<number[]> {
  using backend = new ReferenceBackend();
  using model = await PretrainedModel.open({ path, backend, dtype: "f32", ...(cacheType === undefined ? {} : { cacheType }) });
  const { decoder } = model;
  using first = decoder.createCache();
  const result = await decoder.prefill({ sequences: [{ tokens: prompt, cache: first, router: new ConstantRouter(mode, { kind: "full" }) }] });
  const values = [...result.logits.toFloat32()];
  result.logits.dispose();
  const cache: SequenceCache = fork ? decoder.forkCache(first) : first;
  using _ = cache;
  for (const token of [3, 1, 4]) {
    using logits = decoder.decode([token], [cache]);
    values.push(...logits.toFloat32());
  }
  const { keyValueBytes } = decoder.predictMemory({ sequences: [{ tokens: prompt.length }] });
  expect(keyValueBytes).toBe(decoder.fullKeyValueBytes(prompt.length));
  return values;
}

describe("a cache in 8 bits", () => {
  test.each([["fp8", 0.05], ["q8_0", 0.01]] as const)("in %s gives logits within %d of the exact ones, and a fork of it the same", async (cacheType, most) => {
    using checkpoint = tinyCheckpoint();
    const exact = await logitsOf(checkpoint.path, undefined, false);
    const rounded = await logitsOf(checkpoint.path, cacheType, false);
    const length = Math.hypot(...exact);
    const error = Math.hypot(...rounded.map((value, i) => value - exact[i]!)) / length;
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(most);
    expect(await logitsOf(checkpoint.path, cacheType, true)).toEqual(rounded);
  });

  test.each<AttentionMode>([
    { kind: "pages", sinkTokens: 16, localTokens: 16, pageTokens: 16, budget: 32 },
    { kind: "pages", sinkTokens: 16, localTokens: 16, pageTokens: 16, budget: 32, promptRows: 20 },
    { kind: "snap", sinkTokens: 16, localTokens: 16, blockSize: 16, keptTokens: 16, scoringRows: 8, poolTokens: 3 },
    { kind: "flash-prefill", blockSize: 16, stride: 4, alpha: 0.3 },
    { kind: "threshold", factor: 0.5 },
    { ...window, denseRows: 20 },
  ])("serves heads in the mode $kind", async (mode) => {
    using checkpoint = tinyCheckpoint();
    const [exact, rounded] = [await logitsOf(checkpoint.path, undefined, false, mode), await logitsOf(checkpoint.path, "q8_0", false, mode)];
    const error = Math.hypot(...rounded.map((value, i) => value - exact[i]!)) / Math.hypot(...exact);
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(0.02);
  });

  test("is refused by a backend without kernels for it, by name and before weights are read", async () => {
    using checkpoint = tinyCheckpoint();
    const backend = new ReferenceBackend();
    Object.assign(backend.kernels, { find: () => undefined, explain: () => [{ kernel: "floats", reasons: ["rows are floats"] }] });
    const opened = PretrainedModel.open({ path: checkpoint.path, backend, cacheType: "fp8" });
    await expect(opened).rejects.toThrow("The backend reference does not keep keys and values in fp8: rows are floats.");
  });
});
