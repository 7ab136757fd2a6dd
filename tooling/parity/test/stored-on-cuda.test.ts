import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createCudaBackend, cudaProblems } from "@elastic-attention/cuda";
import { SafetensorsFile } from "@elastic-attention/tensor";
import { PretrainedModel } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { caseNumbers, fixtureFolder, greedyTokens } from "./fixture-cases.js";

const problems = cudaProblems();

// transformers in float32 on the dequantised weights; activations are rounded to bf16 here, which is less than to int8.
describe.each(["llama-q4_k_m", "llama-q8_0", "llama3-rope-q4_0", "qwen2-q6_k", "qwen3-q4_k_m", "qwen3-q8_0-split"])("the GGUF model %s, computed on as stored on cuda", (name) => {
  const folder = fixtureFolder(join("gguf", name));
  test.skipIf(folder === undefined || problems.length > 0).each(["f32", "bf16"] as const)("gives transformers' logits within rounding and its greedy tokens in %s", async (dtype) => {
    using backend = createCudaBackend();
    const path = join(folder!, readdirSync(folder!).find((file) => file.endsWith(".gguf"))!);
    using model = await PretrainedModel.open({ path, backend, dtype, weights: "stored" });
    using golden = SafetensorsFile.open(join(folder!, "case.safetensors"));
    using cache = model.decoder.createCache();
    const { logits } = await model.decoder.prefill({ sequences: [{ tokens: caseNumbers(golden, "input_ids"), cache }], logitsRows: 16 });
    using owned = logits;
    expect(relativeLength(owned.toFloat32(), caseNumbers(golden, "logits"))).toBeLessThan(dtype === "f32" ? 0.02 : 0.04);
    if (dtype !== "f32") return;
    using own = model.decoder.createCache();
    const greedy = Array.from(caseNumbers(golden, "greedy"));
    expect(await greedyTokens(model, own, caseNumbers(golden, "prompt"), greedy.length)).toEqual(greedy);
  });
});

/** |a - b| / |b|. */
function relativeLength(actual: Float32Array, expected: Float32Array): number {
  if (actual.length !== expected.length) return Infinity;
  let [error, length] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i]! - expected[i]!) ** 2;
    length += expected[i]! ** 2;
  }
  return Math.sqrt(error / length);
}
