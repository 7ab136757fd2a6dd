import { describe, expect, test } from "vitest";
import { ShapeError } from "@elastic-attention/core";
import { hostArray, logProbabilities, ReferenceBackend } from "../../src/index.js";

const backend = new ReferenceBackend();

/** Of one row: its token's, then those of the most likely. */
function tell(logits: readonly number[], token: number, top: number): { readonly values: readonly number[]; readonly tokens: readonly number[] } {
  using row = backend.upload(Float32Array.from(logits), [1, logits.length], "f32");
  using tokens = backend.upload(Int32Array.of(token), [1], "i32");
  using values = backend.allocate([1, 1 + top], "f32");
  using topTokens = top === 0 ? undefined : backend.allocate([1, top], "i32");
  backend.kernels.run(logProbabilities, { logits: row, tokens, top: [top], values, topTokens });
  return { values: [...values.toFloat32()], tokens: topTokens === undefined ? [] : [...hostArray(topTokens.download(), "i32")] };
}

describe("log-probabilities", () => {
  test("are natural logarithms of the softmax, exact in float32", () => {
    // Shares of 1/2, 1/4, 1/8 and 1/8, whatever is added to all.
    for (const offset of [0, 1000, -3e4]) {
      const logits = [4, 2, 1, 1].map((weight) => offset + Math.log(weight)).map(Math.fround);
      const exact = logits.map((logit) => logit - offset - Math.log(logits.reduce((sum, each) => sum + Math.exp(each - offset), 0)));
      expect(tell(logits, 2, 4)).toEqual({ values: [exact[2], ...exact].map((each) => Math.fround(each!)), tokens: [0, 1, 2, 3] });
    }
    expect(tell(Array.from({ length: 1000 }, () => 7), 999, 0).values).toEqual([Math.fround(-Math.log(1000))]);
  });

  test("rank equals by the lower token, and leave out what is no number", () => {
    const { values, tokens } = tell([0, Number.NaN, 5, -Infinity, 5], 3, 5);
    expect(tokens).toEqual([2, 4, 0, 3, -1]);
    expect(values[0]).toBe(-Infinity);
    expect(values[1]).toBe(values[2]);
    expect(values[1]).toBe(Math.fround(-Math.log(2 + Math.exp(-5))));
  });

  test("refuse more tokens than there is room for", () => {
    using row = backend.upload(new Float32Array(30), [1, 30], "f32");
    using tokens = backend.upload(Int32Array.of(0), [1], "i32");
    using values = backend.allocate([1, 4], "f32");
    using topTokens = backend.allocate([1, 3], "i32");
    const call = { logits: row, tokens, values };
    expect(() => backend.kernels.run(logProbabilities, { ...call, top: [4], topTokens })).toThrow(ShapeError);
    expect(() => backend.kernels.run(logProbabilities, { ...call, top: [3], topTokens: undefined })).toThrow(ShapeError);
    expect(() => backend.kernels.run(logProbabilities, { ...call, top: [1, 1], topTokens })).toThrow(ShapeError);
  });
});
