import { ConstantRouter, type Router, StaticRouter } from "@elastic-attention/router";
import type { FloatDType } from "@elastic-attention/tensor";
import { DecoderModel, elasticModeSettings } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { sameBits } from "../agreement.js";
import type { BackendUnderTest } from "../backend-under-test.js";
import { relativeError } from "../random-tensors.js";
import { tinyModel } from "./tiny-model.js";

const modes = elasticModeSettings({ sinkTokens: 64, localTokens: 128, blockSize: 64, stride: 16, threshold: 0.6 });
const plans: readonly (readonly [name: string, router: Router | undefined])[] = [
  ["every head full", undefined],
  [
    "one head of each layer streaming",
    new StaticRouter({
      list: { version: 1, description: "one head of each layer", scores: [[2, 1], [1, 2]], sparsity: 0.5 },
      retrievalMode: modes.full,
      sparseMode: modes.streaming,
    }),
  ],
  ["every head streaming", new ConstantRouter(modes.streaming, modes.full)],
];
/** Around the rows that kernels take together: a whole chunk, a few rows beyond one, ragged ones. */
const lengths = [416, 1027, 1311];
const vocabulary = 211;

/**
 * A prompt that goes on from a snapshot, taken on the way of a longer prompt, against the same prompt read at once under the
 * same plan.
 *
 * @param guarantee "bits": the same numbers, bit for bit. "rounding": kernels share work out by what is in a call.
 */
export function describeResumedPrefill(subject: BackendUnderTest, guarantee: "bits" | "rounding"): void {
  describe(`a prompt that goes on from a snapshot on ${subject.name}`, () => {
    test.each(subject.dtypes.flatMap((dtype) => plans.map(([name, router]) => [dtype, name, router] as const)))(
      "in %s, %s: the logits of one that is read at once",
      async (dtype, _name, router) => {
        for (const { length, held, resumed, whole } of await resumedAndWhole(subject, dtype, router)) {
          const what = `${length} tokens from ${held}`;
          if (guarantee === "bits") expect(sameBits(resumed, whole), what).toBe(true);
          else expect(relativeError(resumed, whole), what).toBeLessThan(dtype === "f32" ? 1e-4 : dtype === "bf16" ? 0.1 : 0.02);
        }
      },
    );
  });
}

interface Outcome {
  readonly length: number;
  readonly held: number;
  readonly resumed: Float32Array;
  readonly whole: Float32Array;
}

async function resumedAndWhole(subject: BackendUnderTest, dtype: FloatDType, router: Router | undefined): Promise<Outcome[]> {
  const backend = subject.create();
  const outcomes: Outcome[] = [];
  {
    using files = tinyModel(2048);
    using model = await DecoderModel.load(files.options(backend, dtype));
    const tokens = Int32Array.from({ length: Math.max(...lengths) + 100 }, (_, i) => (i * 37 + i * i * 3 + 33) % vocabulary);
    for (const length of lengths) {
      const whole = await lastLogits(model, tokens.subarray(0, length), model.createCache(), router);
      const checkpoints = [256, 384, 896].filter((held) => held <= length - 32);
      // What follows in the prompt that leaves the snapshots is of no account.
      using longer = model.createCache();
      longer.requestCheckpoints(checkpoints);
      await lastLogits(model, tokens.subarray(0, length + 70), longer, router, false);
      for (const snapshot of longer.takeCheckpoints()) {
        using owned = snapshot;
        const cache = model.caches.resume(owned);
        outcomes.push({ length, held: owned.length, resumed: await lastLogits(model, tokens.subarray(owned.length, length), cache, router), whole });
      }
    }
  }
  expect(backend.memory().liveAllocations).toBe(0);
  backend[Symbol.dispose]();
  expect(outcomes.length).toBeGreaterThanOrEqual(lengths.length * 2);
  return outcomes;
}

/** @param disposes whether the cache is given back */
async function lastLogits(model: DecoderModel, tokens: Int32Array, cache: ReturnType<DecoderModel["createCache"]>, router: Router | undefined, disposes = true): Promise<Float32Array> {
  try {
    const { logits } = await model.prefill({ sequences: [{ tokens, cache, ...(router === undefined ? {} : { router }) }] });
    using owned = logits;
    return owned.toFloat32();
  } finally {
    if (disposes) cache.dispose();
  }
}
