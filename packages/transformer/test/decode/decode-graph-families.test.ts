import type { SequenceCache } from "@elastic-attention/attention";
import { expect, test } from "vitest";
import { PretrainedModel, registerModelAdapter } from "../../src/index.js";
import { floats, tinyAdapter, tinyCheckpoint } from "../tiny-checkpoint.js";
import { CapturingBackend, StillBackend } from "./capturing-backend.js";

registerModelAdapter(tinyAdapter);

/** [turned / 2] numbers above 1. */
const factors = (first: number) => Array.from({ length: 4 }, (_, pair) => first + pair);
const longrope = { rope_type: "longrope", short_factor: factors(1), long_factor: factors(5), original_max_position_embeddings: 40 };

const families: Record<string, Readonly<Record<string, unknown>>> = {
  "part of each head": { partial_rotary_factor: 0.5 },
  "neighbours together": { rope_pairs: "neighbours", partial_rotary_factor: 0.5 },
  "no positions in a layer": { layers_without_rope: 1 },
  "queries scaled by their position": { query_scaling_beta: 0.7 },
  "angles that grow with the sequence": { max_position_embeddings: 40, rope_scaling: { rope_type: "dynamic", factor: 3 } },
  "other angles beyond a length": { rope_scaling: longrope },
  "other angles beyond a length, and scaled queries": { rope_scaling: longrope, query_scaling_beta: 0.7 },
  "norms over all heads": { normed_vectors: "projection" },
};

/** Prompts on both sides of 40 tokens, and one that crosses it. */
const lengths = [20, 37, 90];
const schedule = [[0], [1, 0], [0, 1, 2], [1], [2, 1], [1, 2, 0], [0], [1, 0, 2]];

test.each(Object.entries(families))("graphs of a model with %s decode as its steps do one call at a time", async (name, config) => {
  const edit = (tensor: string, values: Float32Array, shape: readonly number[]) => {
    const heads = tensor.includes("q_norm") ? 4 : tensor.includes("k_norm") ? 2 : 1;
    if (heads === 1 || config["normed_vectors"] === undefined) return floats(tensor, values, shape);
    return floats(tensor, Float32Array.from({ length: heads * values.length }, (_, i) => values[i % values.length]! + 0.1 * Math.sin(i)), [heads * values.length]);
  };
  using folder = tinyCheckpoint({ config: { max_position_embeddings: 200, ...config }, edit });
  using backend = name.startsWith("part") ? new StillBackend() : new CapturingBackend();
  {
    using model = await PretrainedModel.open({ path: folder.path, backend });
    const expected = await steps(model, false);
    expect(backend.captured).toBe(0);
    const actual = await steps(model, true);
    for (const [step, logits] of actual.entries()) {
      for (const [i, value] of logits.entries()) expect(value).toBeCloseTo(expected[step]![i]!, 4);
    }
    expect(backend.captured).toBe(3);
    expect(backend.replayed).toBe(schedule.length - 3);
  }
  expect(backend.memory().liveAllocations).toBe(0);
});

async function steps({ decoder }: PretrainedModel, paged: boolean): Promise<Float32Array[]> {
  const caches: SequenceCache[] = [];
  for (const length of lengths) {
    const cache = decoder.createCache({ paged });
    caches.push(cache);
    const tokens = Array.from({ length }, (_, i) => (i * 7 + length) % 50);
    (await decoder.prefill({ sequences: [{ tokens, cache }] })).logits.dispose();
  }
  const results = schedule.map((sequences, step) => {
    using logits = decoder.decode(sequences.map((index) => (index * 5 + step) % 50), sequences.map((index) => caches[index]!));
    return logits.toFloat32();
  });
  for (const cache of caches) cache.dispose();
  return results;
}
