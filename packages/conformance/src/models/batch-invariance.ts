import { MemoryScope } from "@elastic-attention/core";
import type { AttentionMode } from "@elastic-attention/attention";
import { ConstantRouter, type Router, StaticRouter } from "@elastic-attention/router";
import { type Backend, type FloatDType, ReferenceBackend } from "@elastic-attention/tensor";
import { DecoderModel, elasticModeSettings } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { sameBits } from "../agreement.js";
import type { BackendUnderTest } from "../backend-under-test.js";
import { relativeError } from "../random-tensors.js";
import { tinyModel } from "./tiny-model.js";

const modes = elasticModeSettings({ sinkTokens: 64, localTokens: 128, blockSize: 64, stride: 16, threshold: 0.6 });
const halfSparse = new StaticRouter({
  list: { version: 1, description: "one head of each layer", scores: [[2, 1], [1, 2]], sparsity: 0.5 },
  retrievalMode: modes.full,
  sparseMode: modes.streaming,
});

/** Sequences of a batch: their lengths, plans, and which tokens they hold. */
interface Sequence {
  readonly length: number;
  readonly router: Router | undefined;
  readonly seed: number;
}

const batch: readonly Sequence[] = [
  { length: 70, router: undefined, seed: 1 },
  { length: 1, router: halfSparse, seed: 2 },
  { length: 613, router: halfSparse, seed: 3 },
  { length: 257, router: new ConstantRouter(modes.xattention as AttentionMode, modes.full), seed: 4 },
  { length: 700, router: new ConstantRouter(modes.streaming, modes.full), seed: 5 },
];
const decodeSteps = 6;
const vocabulary = 211;

/**
 * A batch of sequences with different plans against each of them alone, in prefill and in decode steps.
 *
 * @param guarantee "bits": the same numbers, bit for bit. "rounding": kernels share work out by what is in the batch, so a
 *   sum is rounded in another order; the difference is at most what rounding to the type costs anyway.
 */
export function describeBatchInvariance(subject: BackendUnderTest, guarantee: "bits" | "rounding"): void {
  describe(`a batch on ${subject.name}`, () => {
    test.each(subject.dtypes)(`in %s: each sequence as alone, ${guarantee === "bits" ? "bit for bit" : "within rounding"}`, async (dtype) => {
      const alone = await separately(subject.create(), dtype, batch);
      const together = await inOneBatch(subject.create(), dtype, batch);
      const exact = dtype === "f32" ? undefined : await reference();
      for (const [index, expected] of alone.entries()) {
        const actual = together[index]!;
        if (guarantee === "bits") {
          expect(sameBits(actual, expected), `sequence ${index}`).toBe(true);
        } else if (exact === undefined) {
          expect(relativeError(actual, expected), `sequence ${index}`).toBeLessThan(1e-5);
        } else {
          const rounding = relativeError(expected, exact[index]!);
          expect(rounding).toBeLessThan(dtype === "bf16" ? 0.1 : 0.02);
          expect(relativeError(actual, exact[index]!), `sequence ${index}`).toBeLessThan(2 * rounding);
          expect(relativeError(actual, expected), `sequence ${index}`).toBeLessThan(2 * rounding);
        }
      }
    });

    test.each(subject.dtypes)("in %s: what the neighbours hold changes no bit", async (dtype) => {
      const first = await inOneBatch(subject.create(), dtype, batch);
      const others = batch.map((sequence, index) => (index === 2 ? sequence : { ...sequence, seed: sequence.seed + 50 }));
      const second = await inOneBatch(subject.create(), dtype, others);
      expect(sameBits(second[2]!, first[2]!)).toBe(true);
      expect(sameBits(second[0]!, first[0]!)).toBe(false);
    });

    test.each(subject.dtypes)("in %s: what the model decoded before, shorter prompts too, changes no bit", async (dtype) => {
      const first = await inOneBatch(subject.create(), dtype, batch);
      // A prompt of 70 tokens needs smaller rotary tables than those of the batch.
      const after = await inOneBatch(subject.create(), dtype, batch, [batch.map((sequence) => ({ ...sequence, length: 70 }))]);
      for (const [index, values] of first.entries()) expect(sameBits(after[index]!, values), `sequence ${index}`).toBe(true);
    });

    test.each(subject.dtypes)("in %s: the same batch again gives the same bits", async (dtype) => {
      const [first, second] = [await inOneBatch(subject.create(), dtype, batch), await inOneBatch(subject.create(), dtype, batch)];
      for (const [index, values] of first.entries()) expect(sameBits(second[index]!, values), `sequence ${index}`).toBe(true);
    });
  });
}

let known: Promise<Float32Array[]> | undefined;

/** The reference backend in float32 takes its time: once for all types. */
function reference(): Promise<Float32Array[]> {
  return (known ??= separately(new ReferenceBackend(), "f32", batch));
}

async function separately(backend: Backend, dtype: FloatDType, sequences: readonly Sequence[]): Promise<Float32Array[]> {
  const all: Float32Array[] = [];
  for (const sequence of sequences) all.push((await inOneBatch(backend, dtype, [sequence]))[0]!);
  return all;
}

/** For each sequence, the logits after its prompt and of each decode step, [steps + 1, vocabulary], from a model that ran the batches `before`. */
async function inOneBatch(backend: Backend, dtype: FloatDType, sequences: readonly Sequence[], before: readonly (readonly Sequence[])[] = []): Promise<Float32Array[]> {
  let rows: Float32Array[] = [];
  {
    using files = tinyModel();
    using model = await DecoderModel.load(files.options(backend, dtype));
    for (const each of [...before, sequences]) rows = await decodeBatch(model, dtype, each);
  }
  backend[Symbol.dispose]();
  return rows;
}

async function decodeBatch(model: DecoderModel, dtype: FloatDType, sequences: readonly Sequence[]): Promise<Float32Array[]> {
  const rows = sequences.map(() => new Float32Array((decodeSteps + 1) * vocabulary));
  using scope = new MemoryScope();
  const caches = sequences.map(() => scope.track(model.createCache()));
  const take = (step: number, values: Float32Array) => {
    for (const [index, target] of rows.entries()) target.set(values.subarray(index * vocabulary, (index + 1) * vocabulary), step * vocabulary);
  };
  const prompts = sequences.map(({ length, seed, router }, index) => ({
    tokens: Int32Array.from({ length }, (_, i) => token(i, seed)),
    cache: caches[index]!,
    ...(router === undefined ? {} : { router }),
  }));
  const { logits: last } = await model.prefill({ sequences: prompts });
  take(0, last.toFloat32());
  last.dispose();
  for (let step = 0; step < decodeSteps; step++) {
    using next = model.decode(sequences.map(({ length, seed }) => token(length + step, seed)), caches);
    take(step + 1, next.toFloat32());
  }
  return rows;
}

function token(position: number, seed: number): number {
  return (position * 37 + position * position * seed + 11 * seed) % vocabulary;
}
