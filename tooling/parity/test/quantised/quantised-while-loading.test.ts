import { readFileSync } from "node:fs";
import { createCpuBackend } from "@elastic-attention/cpu";
import { demoModelDirectory } from "@elastic-attention/demo-model";
import { Tokenizer } from "@elastic-attention/generation";
import { forward, PretrainedModel, type WeightChoice } from "@elastic-attention/transformer";
import { expect, test } from "vitest";
import { relativeError } from "../fixture-cases.js";

/** What the demo model computes of several texts, and how its own routers send its heads. */
async function measure(weights: WeightChoice) {
  using backend = createCpuBackend();
  using model = await PretrainedModel.open({ path: demoModelDirectory(), backend, weights });
  const { retrievalMode, sparseMode } = model.spec.elastic!;
  const tokenizer = Tokenizer.load(demoModelDirectory());
  // Any English of a few thousand tokens does.
  const english = readFileSync(new URL("../../../../LICENSE", import.meta.url), "utf8");
  const [heads, logits]: [number[], number[]] = [[], []];
  for (let text = 0; text < 8; text++) {
    const tokens = tokenizer.encode(english.slice(1200 * text, 1200 * text + 2400));
    using router = model.learnedRouter(retrievalMode, sparseMode)!;
    const result = await forward(model.decoder, tokens, 1, router);
    heads.push(...result.fullHeads);
    logits.push(...result.logits);
  }
  return { heads, logits, bytes: model.decoder.weightBytes, weights: model.weights };
}

test("the demo model in q8_0 routes 99% of its heads as in bf16, and takes less memory", { timeout: 120_000 }, async () => {
  const [plain, quantised] = [await measure("unpacked"), await measure("q8_0")];
  expect([plain.weights, quantised.weights]).toEqual(["bf16", "Q8_0"]);
  const same = quantised.heads.filter((head, i) => head === plain.heads[i]).length;
  console.log(`demo model in q8_0: ${same} of ${plain.heads.length} heads routed alike, logits within ${relativeError(quantised.logits, plain.logits).toFixed(3)}`);
  expect(same / plain.heads.length).toBeGreaterThanOrEqual(0.99);
  // Both round to eight bits or so at every product: what a fault of the blocks makes is several times as much.
  expect(relativeError(quantised.logits, plain.logits)).toBeLessThan(0.1);
  // The embedding table stays bf16; what is multiplied takes 9 bits a weight, with its scales, for 16.
  expect(quantised.bytes / plain.bytes).toBeLessThan(0.75);
});
