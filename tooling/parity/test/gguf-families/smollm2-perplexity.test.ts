import { readFileSync } from "node:fs";
import { join } from "node:path";
import { availableInstructionSets, createCpuBackend, loadAddon } from "@elastic-attention/cpu";
import { PretrainedModel } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { sharedData } from "../fixture-cases.js";

const folder = sharedData("smollm2");
/** Tokens whose logits are in memory at once: 49 152 floats each. */
const rowsAtOnce = 256;

interface Window {
  readonly ids: readonly number[];
  readonly meanNegativeLogLikelihood: number;
}

/** Mean over all tokens but the first, each given all before. */
async function meanNegativeLogLikelihood({ decoder, spec }: PretrainedModel, ids: readonly number[]): Promise<number> {
  using cache = decoder.createCache();
  let sum = 0;
  for (let start = 0; start < ids.length; start += rowsAtOnce) {
    const tokens = ids.slice(start, start + rowsAtOnce);
    const { logits } = await decoder.prefill({ sequences: [{ tokens, cache }], logitsRows: tokens.length });
    using owned = logits;
    const rows = owned.toFloat32();
    for (let row = 0; row < tokens.length && start + row + 1 < ids.length; row++) {
      const values = rows.subarray(row * spec.vocabularySize, (row + 1) * spec.vocabularySize);
      let largest = -Infinity;
      for (const value of values) if (value > largest) largest = value;
      let total = 0;
      for (const value of values) total += Math.exp(value - largest);
      sum += largest + Math.log(total) - values[ids[start + row + 1]!]!;
    }
  }
  return sum / (ids.length - 1);
}

// The recorded values are those of transformers in float32. Rounding activations to int8 may not cost half a percent.
describe.skipIf(folder === undefined)("perplexity of SmolLM2 on wikitext2, computed on as stored", () => {
  const levels = availableInstructionSets(loadAddon());
  test.each([...new Set([levels.includes("avx2") ? "avx2" : levels[0]!, levels.at(-1)!])])("is the recorded one within half a percent at level %s", { timeout: 300_000 }, async (instructionSet) => {
    using backend = createCpuBackend({ instructionSet });
    using model = await PretrainedModel.open({ path: join(folder!, "SmolLM2-135M-Instruct.Q4_1.gguf"), backend, weights: "stored" });
    const { windows } = JSON.parse(readFileSync(join(folder!, "perplexity.json"), "utf8")) as { windows: readonly Window[] };
    expect(windows.length).toBeGreaterThan(0);
    let [found, recorded] = [0, 0];
    for (const window of windows) {
      found += (await meanNegativeLogLikelihood(model, window.ids)) / windows.length;
      recorded += window.meanNegativeLogLikelihood / windows.length;
    }
    const ratio = Math.exp(found - recorded);
    console.log(`SmolLM2 as stored at ${instructionSet}: perplexity ${Math.exp(found).toFixed(4)}, recorded ${Math.exp(recorded).toFixed(4)}, ratio ${ratio.toFixed(5)}`);
    expect(Math.abs(ratio - 1)).toBeLessThan(0.005);
  });

  test.each([["fp8", 0.01], ["q8_0", 0.001]] as const)("moves little with a cache in %s: by less than %d over a window", { timeout: 300_000 }, async (cacheType, most) => {
    const { windows } = JSON.parse(readFileSync(join(folder!, "perplexity.json"), "utf8")) as { windows: readonly Window[] };
    const [exact, rounded] = await Promise.all([undefined, cacheType].map(async (each) => {
      using backend = createCpuBackend();
      const path = join(folder!, "SmolLM2-135M-Instruct.Q4_1.gguf");
      using model = await PretrainedModel.open({ path, backend, weights: "stored", ...(each === undefined ? {} : { cacheType: each }) });
      return await meanNegativeLogLikelihood(model, windows[0]!.ids);
    }));
    const ratio = Math.exp(rounded! - exact!);
    console.log(`SmolLM2 as stored with a cache in ${cacheType}: perplexity times ${ratio.toFixed(5)}`);
    expect(Math.abs(ratio - 1)).toBeLessThan(most);
  });
});
