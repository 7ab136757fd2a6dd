import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SequenceCache } from "@elastic-attention/attention";
import { createCpuBackend } from "@elastic-attention/cpu";
import { SafetensorsFile } from "@elastic-attention/tensor";
import { PretrainedModel } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { caseNumbers, greedyTokens, sharedData } from "./fixture-cases.js";

const folder = sharedData("smollm2");
const file = "SmolLM2-135M-Instruct.Q4_1.gguf";

interface GoldenCase {
  readonly name: string;
  readonly kind: string;
  readonly text: string;
  readonly tokens: number;
}

// The golden values are those of transformers in float32, which are within 5e-5 of float64.
describe.skipIf(folder === undefined)("SmolLM2-135M-Instruct from its GGUF file", () => {
  test("gives transformers' highest logits and greedy tokens in float32 on cpu", { timeout: 300_000 }, async () => {
    using backend = createCpuBackend();
    using model = await PretrainedModel.open({ path: join(folder!, file), backend, dtype: "f32" });
    using golden = SafetensorsFile.open(join(folder!, "golden.safetensors"));
    const { cases } = JSON.parse(readFileSync(join(folder!, "golden.json"), "utf8")) as { cases: readonly GoldenCase[] };
    expect(cases.length).toBeGreaterThan(0);
    let largest = 0;
    for (const { name, tokens } of cases) {
      const numbers = (key: string) => caseNumbers(golden, `${name}.${key}`);
      const newCache = () => new SequenceCache({ backend, ...model.spec, dtype: "f32", reserveTokens: 64 });
      const ids = numbers("input_ids");
      expect(ids).toHaveLength(tokens);
      {
        using cache = newCache();
        const { logits } = await model.decoder.prefill({ sequences: [{ tokens: ids, cache }], logitsRows: 4 });
        using owned = logits;
        const rows = owned.toFloat32();
        const [topIds, topLogits] = [numbers("top_ids"), numbers("top_logits")];
        for (const [i, expected] of topLogits.entries()) {
          const found = rows[Math.floor(i / 50) * model.spec.vocabularySize + topIds[i]!]!;
          largest = Math.max(largest, Math.abs(found - expected));
        }
      }
      using cache = newCache();
      expect({ name, tokens: await greedyTokens(model, cache, ids, 40) }).toEqual({ name, tokens: Array.from(numbers("greedy")) });
    }
    console.log(`SmolLM2: largest difference of the 50 highest logits ${largest.toExponential(1)}`);
    expect(largest).toBeLessThan(3e-4);
  });
});
