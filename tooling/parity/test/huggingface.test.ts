import { join } from "node:path";
import { SafetensorsFile } from "@elastic-attention/tensor";
import { PretrainedModel } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { caseNumbers, fixtureFolder, greedyTokens, relativeError } from "./fixture-cases.js";
import { huggingFaceCases } from "./huggingface-cases.js";
import { testBackends } from "./test-backends.js";

// transformers 5 models in float32: logits to 1e-4 of the largest, greedy text identical.
describe.each(huggingFaceCases)("%s", (name) => {
  const folder = fixtureFolder(name);
  test.skipIf(folder === undefined).each(testBackends)("agrees in float32 on $name", async ({ create }) => {
    using backend = await create();
    using model = await PretrainedModel.open({ path: folder!, backend, dtype: "f32" });
    using golden = SafetensorsFile.open(join(folder!, "case.safetensors"));
    const newCache = () => model.decoder.createCache({ reserveTokens: 64 });
    const ids = caseNumbers(golden, "input_ids");
    {
      using cache = newCache();
      const { logits } = await model.decoder.prefill({ sequences: [{ tokens: ids, cache }], logitsRows: ids.length });
      using owned = logits;
      const all = owned.toFloat32();
      const vocabulary = model.spec.vocabularySize;
      expect(relativeError(all.subarray((ids.length - 16) * vocabulary), caseNumbers(golden, "logits"))).toBeLessThan(1e-4);
      const early = [0, 99, 349].flatMap((row) => Array.from(all.subarray(row * vocabulary, (row + 1) * vocabulary)));
      expect(relativeError(early, caseNumbers(golden, "logits_at_0_99_349"))).toBeLessThan(1e-4);
    }
    const greedy = Array.from(caseNumbers(golden, "greedy"));
    const texts: readonly (readonly [prompt: ArrayLike<number>, tokens: readonly number[]])[] = [
      [greedy.slice(0, 64), greedy.slice(64)],
      ...(golden.tensors.has("greedy_after_all") ? [[ids, Array.from(caseNumbers(golden, "greedy_after_all"))] as const] : []),
      ...(golden.tensors.has("greedy_across") ? [[ids.subarray(0, 250), Array.from(caseNumbers(golden, "greedy_across"))] as const] : []),
    ];
    for (const [prompt, tokens] of texts) {
      using cache = newCache();
      expect(await greedyTokens(model, cache, prompt, tokens.length)).toEqual(tokens);
    }
  });
});
