import { describe, expect, test } from "vitest";
import { inverseFrequencies, ModelConfig, parseRope } from "../src/index.js";

const frequencies = (values: Record<string, unknown>, headDim = 8) =>
  Array.from(inverseFrequencies(parseRope(new ModelConfig({ max_position_embeddings: 4096, rope_theta: 10000, ...values }), headDim)));

describe("rotary frequencies", () => {
  test("without scaling are powers of theta", () => {
    for (const [i, frequency] of frequencies({}).entries()) expect(frequency).toBeCloseTo(10000 ** (-i / 4), 7);
  });

  test("of the linear kind are divided by the factor", () => {
    const plain = frequencies({});
    for (const [i, frequency] of frequencies({ rope_scaling: { type: "linear", factor: 4 } }).entries()) {
      expect(frequency).toBeCloseTo(plain[i]! / 4, 8);
    }
  });

  test("of Llama 3 keep fast pairs, divide slow ones, and blend between", () => {
    const rope_scaling = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 64 };
    const [plain, scaled] = [frequencies({}), frequencies({ rope_scaling })];
    // Turns within 64 tokens: 10.2, 1.02, 0.10, 0.01.
    expect(scaled[0]).toBeCloseTo(plain[0]!, 7);
    const smooth = ((64 * plain[1]!) / (2 * Math.PI) - 1) / 3;
    expect(scaled[1]).toBeCloseTo(((1 - smooth) * plain[1]!) / 8 + smooth * plain[1]!, 7);
    expect(scaled[2]).toBeCloseTo(plain[2]! / 8, 8);
    expect(scaled[3]).toBeCloseTo(plain[3]! / 8, 8);
  });

  test("of YaRN ramp from kept to divided, and scale cosine and sine", () => {
    const rope_scaling = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 1024 };
    const [plain, scaled] = [frequencies({}, 64), frequencies({ rope_scaling }, 64)];
    expect(scaled[0]).toBeCloseTo(plain[0]!, 7);
    expect(scaled[31]).toBeCloseTo(plain[31]! / 4, 9);
    const rope = parseRope(new ModelConfig({ max_position_embeddings: 4096, rope_scaling }), 64);
    expect(rope).toMatchObject({ type: "yarn", attentionFactor: 0.1 * Math.log(4) + 1, betaFast: 32, betaSlow: 1 });
  });

  test("are read from rope_parameters too", () => {
    const rope_parameters = { rope_type: "default", rope_theta: 500000 };
    expect(frequencies({ rope_theta: undefined, rope_parameters })[1]).toBeCloseTo(500000 ** -0.25, 7);
  });
});
