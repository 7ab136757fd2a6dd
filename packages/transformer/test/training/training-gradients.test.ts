import { routerParameters } from "@elastic-attention/router";
import { type FloatArray, readFloats, writeFloats } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import type { TrainingModel, TrainingStepOptions } from "../../src/index.js";
import { randomRouters, RelaxationDouble } from "./training-doubles.js";
import { modes, pairs, withModel } from "./training-setup.js";

/** The figure to meet, relative. */
const tolerance = 1e-6;

/**
 * Router parameters whose gradient is not what finite differences say: each tensor of each layer along two random
 * directions, so that every element counts.
 */
async function wrongGradients(model: TrainingModel, options: TrainingStepOptions): Promise<string[]> {
  const { routerGradients } = await model.step(options);
  const objective = async () => {
    const result = await model.step(options);
    return result.languageModelLoss + result.gateLoss;
  };
  const wrong: string[] = [];
  for (const [layer, router] of options.routers.entries()) {
    let at = 0;
    for (const [index, parameter] of routerParameters(router).entries()) {
      const values = readFloats(parameter);
      const gradient = routerGradients[layer]!.subarray(at, at + values.length);
      at += values.length;
      for (const seed of [1, 2]) {
        const direction = Float64Array.from(values, (_, i) => Math.sin(seed * 7.77 + i * 2.3));
        const moved = async (distance: number) => {
          writeFloats(parameter, direction.map((step, i) => values[i]! + distance * step));
          return objective();
        };
        const h = 1e-3;
        const difference = (8 * ((await moved(h)) - (await moved(-h))) - ((await moved(2 * h)) - (await moved(-2 * h)))) / (12 * h);
        const along = direction.reduce((sum, step, i) => sum + step * gradient[i]!, 0);
        const largest = Math.max(...Array.from(gradient, Math.abs));
        const relative = Math.abs(along - difference) / Math.max(Math.abs(along), Math.abs(difference), largest / 1000);
        if (!(relative < tolerance)) wrong.push(`layer ${layer} parameter ${index}: ${along} and ${difference}`);
      }
      writeFloats(parameter, values);
    }
    expect(at).toBe(router.parameters);
  }
  return wrong;
}

describe("gradients of the routers by finite differences in float64", () => {
  test("a Qwen3 with its head norms, FA-SSA, straight-through gates", async () => {
    await withModel(async ({ model, options }) => {
      expect(await wrongGradients(model, options)).toEqual([]);
    });
  });

  test.each(["FA-SSA", "FA-XA", "XA-SSA"])("a Llama, %s", async (pair) => {
    await withModel(
      async ({ model, options }) => {
        const [retrievalMode, sparseMode] = pairs[pair]!;
        expect(await wrongGradients(model, { ...options, retrievalMode, sparseMode })).toEqual([]);
      },
      { config: { query_key_norm: false } },
    );
  });

  test.each([true, false])("layers of experts, whose weights depend on what the routers decide (normalized: %s)", async (normalized) => {
    const config = { num_local_experts: 4, num_experts_per_tok: 2, norm_topk_prob: normalized };
    await withModel(async ({ model, options }) => expect(await wrongGradients(model, options)).toEqual([]), { config });
  });

  test.each(["with", "without"])("routers of whole layers, which read the queries of all heads, %s checkpoints", async (checkpoints) => {
    await withModel(async ({ backend, model, options }) => {
      const routers = randomRouters(backend, 2, 8, 4, 1, "layer");
      // A row in two ranges counts twice.
      const pack = { ...options.pack, pooledRanges: [[[0, 4], [2, 7]], [[8, 10]]] as const };
      const layerOptions = { ...options, pack, routers, checkpointing: checkpoints === "with" };
      expect(await wrongGradients(model, layerOptions)).toEqual([]);
      const { gates } = await model.step(layerOptions);
      // Two key-value heads follow each decision.
      for (const [first, second, third, fourth] of gates) expect([first, third]).toEqual([second, fourth]);
      for (const router of routers) router[Symbol.dispose]();
    });
  });

  test("gates between 0 and 1 give both branches their share", async () => {
    await withModel(async ({ model, options }) => {
      const { decide } = new RelaxationDouble("soft");
      expect(await wrongGradients(model, { ...options, decide })).toEqual([]);
      // Both modes choose blocks: no single attention call can say what the gates chose.
      const both = { retrievalMode: modes.xattention, sparseMode: { ...modes.xattention, threshold: 0.1 } };
      expect(await wrongGradients(model, { ...options, ...both })).toEqual([]);
    });
  });
});

describe("distillation", () => {
  test("has the gradient of the distance to the hidden states of full attention, which is 0 with every gate open", async () => {
    await withModel(async ({ model, options }) => {
      const { decide } = new RelaxationDouble("soft");
      expect(await wrongGradients(model, { ...options, decide, loss: "hidden-states" })).toEqual([]);
      const open = (_: number, logits: FloatArray) => ({ gates: new Float64Array(logits.length / 2).fill(1), backward: () => new Float64Array(logits.length) });
      const { languageModelLoss } = await model.step({ ...options, decide: open, loss: "hidden-states" });
      expect(languageModelLoss).toBe(0);
    });
  });
});
