import { readdirSync } from "node:fs";
import { join } from "node:path";
import { SequenceCache } from "@elastic-attention/attention";
import { availableInstructionSets, createCpuBackend, loadAddon } from "@elastic-attention/cpu";
import { SafetensorsFile } from "@elastic-attention/tensor";
import { PretrainedModel } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { caseNumbers, fixtureFolder, greedyTokens } from "./fixture-cases.js";
import { testBackends } from "./test-backends.js";

const models = ["llama-f16-tied", "llama-q4_k_m", "llama-q8_0", "llama3-rope-q4_0", "qwen2-q6_k", "qwen3-q4_k_m", "qwen3-q8_0-split"];

// transformers in float32 on the dequantised weights; another float32 program is within 1e-6 of it.
describe.each(models)("the GGUF model %s", (name) => {
  const folder = fixtureFolder(join("gguf", name));
  test.skipIf(folder === undefined).each(testBackends)("gives transformers' logits and greedy tokens in float32 on $name", async ({ create }) => {
    using backend = await create();
    const path = join(folder!, readdirSync(folder!).find((file) => file.endsWith(".gguf"))!);
    using model = await PretrainedModel.open({ path, backend, dtype: "f32" });
    using golden = SafetensorsFile.open(join(folder!, "case.safetensors"));
    const newCache = () => new SequenceCache({ backend, ...model.spec, dtype: "f32", reserveTokens: 64 });
    {
      const ids = caseNumbers(golden, "input_ids");
      using cache = newCache();
      const { logits } = await model.decoder.prefill({ sequences: [{ tokens: ids, cache }], logitsRows: 16 });
      using owned = logits;
      expect(relativeL2(owned.toFloat32(), caseNumbers(golden, "logits"))).toBeLessThan(1e-5);
    }
    using cache = newCache();
    const greedy = Array.from(caseNumbers(golden, "greedy"));
    expect(await greedyTokens(model, cache, caseNumbers(golden, "prompt"), greedy.length)).toEqual(greedy);
  });
});

// The last eight rows and the greedy tokens are computed by integer products, on inputs rounded to int8.
describe.each(models.filter((name) => name !== "llama-f16-tied"))("the GGUF model %s, computed on as stored", (name) => {
  const folder = fixtureFolder(join("gguf", name));
  const levels = availableInstructionSets(loadAddon());
  test.skipIf(folder === undefined).each(levels)("gives transformers' logits within int8's rounding and its greedy tokens at level %s", async (instructionSet) => {
    using backend = createCpuBackend({ threads: 2, instructionSet });
    const path = join(folder!, readdirSync(folder!).find((file) => file.endsWith(".gguf"))!);
    using model = await PretrainedModel.open({ path, backend, dtype: "f32", weights: "stored" });
    using golden = SafetensorsFile.open(join(folder!, "case.safetensors"));
    const newCache = () => new SequenceCache({ backend, ...model.spec, dtype: "f32", reserveTokens: 64 });
    {
      const ids = caseNumbers(golden, "input_ids");
      using cache = newCache();
      const { logits: first } = await model.decoder.prefill({ sequences: [{ tokens: ids.slice(0, -8), cache }] });
      first.dispose();
      const { logits } = await model.decoder.prefill({ sequences: [{ tokens: ids.slice(-8), cache }], logitsRows: 8 });
      using owned = logits;
      const expected = caseNumbers(golden, "logits");
      expect(relativeL2(owned.toFloat32(), expected.slice(expected.length / 2))).toBeLessThan(0.04);
    }
    using cache = newCache();
    const greedy = Array.from(caseNumbers(golden, "greedy"));
    expect(await greedyTokens(model, cache, caseNumbers(golden, "prompt"), greedy.length)).toEqual(greedy);
  });
});

/** |a - b| / |b|. */
function relativeL2(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Infinity;
  let [error, norm] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    error += (actual[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return Math.sqrt(error / norm);
}
