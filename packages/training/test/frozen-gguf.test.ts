import { fileURLToPath } from "node:url";
import { createCpuBackend } from "@elastic-attention/cpu";
import { registerQwen } from "@elastic-attention/model-qwen";
import { elasticModes, publishedSizes, routedLayers } from "@elastic-attention/transformer";
import { expect, test } from "vitest";
import { openFrozenModel, RouterParameters, RouterPolicy } from "../src/index.js";

const file = fileURLToPath(new URL("../../../tooling/parity/fixtures/gguf/qwen3-q8_0-split/model-00001-of-00002.gguf", import.meta.url));

test("a quantised GGUF file is unpacked, so that gradients flow through it", async () => {
  registerQwen();
  using backend = createCpuBackend();
  using model = await openFrozenModel({ path: file, backend });
  const { headDim, numKeyValueHeads } = model.spec;
  const numLayers = routedLayers(model.spec).length;
  using policy = new RouterPolicy(backend, RouterParameters.initialize({ numLayers, headDim, width: 8, classes: 2 }, 1), "softmax");
  const tokens = Int32Array.from({ length: 40 }, (_, i) => (7 * i) % 50);
  const result = await model.stepper.step({
    pack: { tokens, targets: Int32Array.from(tokens, (_, row) => tokens[row + 1] ?? -1), offsets: [0, 40], pooledRanges: [[[0, 40]]] },
    routers: policy.routers,
    ...elasticModes("fa-ssa", { ...publishedSizes, sinkTokens: 8, localTokens: 8, blockSize: 8 }),
    decide: (layer, logits) => policy.decide(logits, { seed: 1, step: 0, pack: 0, layer }, 1),
    gateLoss: (gates) => ({ loss: 0, gradients: gates.map(() => new Float32Array(numKeyValueHeads)) }),
  });
  expect(Number.isFinite(result.languageModelLoss)).toBe(true);
  expect(policy.gradients(result).some((layer) => layer.some((value) => value !== 0))).toBe(true);
});
