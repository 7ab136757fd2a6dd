import { MemoryScope } from "@elastic-attention/core";
import type { AttentionMode } from "@elastic-attention/attention";
import { ConstantRouter, type Router, StaticRouter } from "@elastic-attention/router";
import type { Backend, FloatDType } from "@elastic-attention/tensor";
import { DecoderModel, elasticModeSettings } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { sameBits } from "../agreement.js";
import type { BackendUnderTest } from "../backend-under-test.js";
import { relativeError } from "../random-tensors.js";
import { tinyModel } from "./tiny-model.js";

const modes = elasticModeSettings({ sinkTokens: 32, localTokens: 64, blockSize: 32, stride: 16, threshold: 0.6 });
const halfSparse = new StaticRouter({
  list: { version: 1, description: "one head of each layer", scores: [[2, 1], [1, 2]], sparsity: 0.5 },
  retrievalMode: modes.full,
  sparseMode: modes.streaming,
});
const constantly = (mode: AttentionMode) => new ConstantRouter(mode, modes.full);

interface Sequence {
  readonly length: number;
  readonly router: Router | undefined;
}

/** Where sums are rounded in another order, choices that hang by a rounding are not asked for. */
const sequencesOf = (guarantee: "bits" | "rounding"): readonly Sequence[] => [
  { length: 70, router: undefined },
  { length: 255, router: halfSparse },
  { length: 200, router: constantly(modes.xattention) },
  { length: 127, router: constantly(modes.streaming) },
  { length: 150, router: constantly({ kind: "pages", sinkTokens: 16, localTokens: 32, pageTokens: 16, budget: guarantee === "bits" ? 0.25 : 1 }) },
  { length: 180, router: constantly({ kind: "threshold", factor: guarantee === "bits" ? 0.5 : 1e-6 }) },
  { length: 90, router: constantly({ kind: "sliding", windowTokens: 37 }) },
];
/** Place of the sequence whose heads choose pages. */
const choosingPages = 4;
const totalTokens = 60;
const vocabulary = 211;

/**
 * Steps in which sequences bring drafts, right and wrong ones, against steps of one token.
 *
 * @param guarantee as of `describeBatchInvariance`
 */
export function describeDraftedSteps(subject: BackendUnderTest, guarantee: "bits" | "rounding"): void {
  describe(`drafts on ${subject.name}`, () => {
    test.each(subject.dtypes)(`in %s: each position's logits as without drafts, ${guarantee === "bits" ? "bit for bit" : "within rounding"}`, async (dtype) => {
      const all = sequencesOf(guarantee);
      // A step in which heads choose pages is not captured.
      for (const sequences of [all, all.filter((_, index) => index !== choosingPages)]) {
        const plain = await decoded(subject.create(), dtype, sequences, false);
        const drafted = await decoded(subject.create(), dtype, sequences, true);
        for (const [index, expected] of plain.entries()) {
          if (guarantee === "bits") expect(sameBits(drafted[index]!, expected), `sequence ${index}`).toBe(true);
          // Twice what a batch's rounding to the type may cost.
          else expect(relativeError(drafted[index]!, expected), `sequence ${index}`).toBeLessThan({ f32: 1e-5, bf16: 0.2, f16: 0.04 }[dtype]);
        }
      }
    });
  });
}

/** For each sequence the logits behind each of its tokens, [tokens, vocabulary]; they do not depend on what else was drafted. */
async function decoded(backend: Backend, dtype: FloatDType, sequences: readonly Sequence[], drafts: boolean): Promise<Float32Array[]> {
  const rows = sequences.map(() => new Float32Array(totalTokens * vocabulary));
  {
    using files = tinyModel();
    using model = await DecoderModel.load(files.options(backend, dtype));
    using scope = new MemoryScope();
    const caches = sequences.map(() => scope.track(model.createCache()));
    const prompts = sequences.map(({ length, router }, index) => ({
      tokens: Int32Array.from({ length }, (_, position) => token(index, position)),
      cache: caches[index]!,
      ...(router === undefined ? {} : { router }),
    }));
    (await model.prefill({ sequences: prompts })).logits.dispose();
    const left = (index: number) => sequences[index]!.length + totalTokens - caches[index]!.length;
    for (let step = 0; caches.some((_, index) => left(index) > 0); step++) {
      const open = [...caches.entries()].filter(([index]) => left(index) > 0);
      let room = drafts ? (backend.device.workSizes.draftedRows ?? 64) - open.length : 0;
      const taking = open.map(([index, cache]) => {
        const taken = draft(Math.min(room, left(index) - 1), step, index, cache.length);
        room -= taken.tokens.length - 1;
        return { cache, index, ...taken };
      });
      const starts = taking.map(({ cache }) => cache.length);
      model.readStep(taking, (logits) => {
        const values = logits.toFloat32();
        let row = 0;
        for (const [place, { index, tokens, right }] of taking.entries()) {
          const own = values.subarray(row * vocabulary, (row + 1 + right) * vocabulary);
          rows[index]!.set(own, (starts[place]! - sequences[index]!.length) * vocabulary);
          row += tokens.length;
        }
      });
      for (const { cache, tokens, right } of taking) for (const accepted of tokens.slice(1, 1 + right)) model.accept(cache, accepted);
    }
  }
  backend[Symbol.dispose]();
  return rows;
}

/** The tokens of a step: the sequence's own, and behind the first `right` of its draft wrong ones. */
function draft(room: number, step: number, index: number, cached: number): { readonly tokens: number[]; readonly right: number } {
  const count = Math.min(room, [0, 3, 15, 1, 7, 2][(step + index) % 6]!);
  const right = Math.min(count, [15, 0, 2, 4, 1][(2 * step + index) % 5]!);
  const tokens = Array.from({ length: 1 + count }, (_, place) => (token(index, cached + place) + (place > right ? 1 : 0)) % vocabulary);
  return { tokens, right };
}

function token(sequence: number, position: number): number {
  return (position * 37 + position * position * (sequence + 1) + 11 * sequence) % vocabulary;
}
