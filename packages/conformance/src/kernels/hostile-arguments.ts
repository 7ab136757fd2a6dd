import type { NativeAddon, NativeTrainingAttention, NativeTrainingOperations } from "@elastic-attention/addon";
import { expect, test } from "vitest";

/** Arguments that no caller of ours makes: an error each, never a crash. */
export function testHostileArguments(addon: NativeAddon): void {
  test("the addon refuses hostile arguments", () => {
    for (const values of [[], [1], [99999, 0, 1, 1, 1, 0], [1, 2 ** 52, 2 ** 52, 2 ** 52, 2 ** 52, 0], [NaN, 0, 1, 1, 1, 0]]) {
      expect(() => addon.read(Float64Array.from(values), new Uint8Array(4))).toThrow(/missing|tensor|whole number|buffer/);
      expect(() => addon.hybridAttention(Float64Array.from(values))).toThrow(/missing|tensor|whole number|buffer/);
    }
    expect(() => addon.linear([1, 2, 3] as unknown as Float64Array)).toThrow(TypeError);
    expect(addon.release(Float64Array.of(123456789))).toBe(false);
  });

  test("hybrid attention refuses a decision that does not fit", () => {
    const floats = addon.allocate(Float64Array.of(4 * 64));
    const [matrix, missing] = [[floats, 0, 1, 8, 8, 0], [0, 0, 0, 0, 0, 0]];
    const [full, selected, store] = [[0, 0, 0, 1], [2, 0, 0, 128], [0, 1, 0, 0]];
    /** One token of one head; what the decision is made of may be wrong. */
    const attend = (decision: readonly number[], row: number, choices: readonly (readonly number[])[], ring = 0) => () => {
      const sequence = [0, 1, 1, ...matrix, ...matrix, ...missing, 0, ...missing, ...missing, 0, ...decision, row, choices.length, 1];
      const stores = ring === 0 ? store : [0, 1, 0, ring];
      addon.hybridAttention(Float64Array.from([...matrix, ...matrix, ...missing, 1, 8, 1, 0, ...missing, 1, ...sequence, ...choices.flat(), ...stores]));
    };
    const bytes = (rows: number, columns: number) => [floats, 0, rows, columns, columns, 4];
    expect(attend(bytes(1, 1), 0, [full, full])).not.toThrow();
    for (const refused of [
      attend(matrix, 0, [full]),
      attend(bytes(1, 2), 0, [full]),
      attend(bytes(2, 1), 2, [full]),
      attend(bytes(2, 1), -1, [full]),
      attend(bytes(1, 1), 0, []),
      attend(bytes(1, 1), 0, Array.from({ length: 5 }, () => full)),
      attend(bytes(1, 1), 0, [full, selected]),
      attend(bytes(1, 1), 0, [full], 1),
      attend([floats, 1 << 20, 1, 1, 1, 4], 0, [full]),
    ]) {
      expect(refused).toThrow(/decision|mask|ring|buffer|dtype/);
    }
    expect(addon.release(Float64Array.of(floats))).toBe(true);
  });
}

/** The same for what a training step calls; `names` are those that the addon exports. */
export function testHostileTrainingArguments(addon: NativeAddon, names: readonly (keyof NativeTrainingOperations | keyof NativeTrainingAttention)[]): void {
  const floats = addon.allocate(Float64Array.of(4 * 64));
  /** A dense f32 matrix in a buffer of 64 elements. */
  const matrix = (rows: number, columns: number): readonly number[] => [floats, 0, rows, columns, columns, 0];
  const missing = [0, 0, 0, 0, 0, 0];

  test.each(names)("%s refuses arguments that no caller makes", (name) => {
    const call = (...values: readonly (number | readonly number[])[]) => () => addon[name]!(Float64Array.from(values.flat()));
    const hostile = [[], [1], [99999, 0, 1, 1, 1, 0], [floats, 2 ** 52, 2 ** 52, 2 ** 52, 2 ** 52, 0], [NaN, 0, 1, 1, 1, 0], [floats, 0, 1, 65, 65, 0]];
    for (const values of hostile) expect(call(values)).toThrow(/missing|tensor|whole number|buffer/);
    expect(() => addon[name]!([1, 2, 3] as unknown as Float64Array)).toThrow(TypeError);
  });

  test("shapes that do not fit together, and numbers that would lead outside", () => {
    const refused: Partial<Record<(typeof names)[number], readonly (readonly number[])[]>> = {
      rmsNormBackward: [[...matrix(2, 8), ...matrix(1, 7), 1e-6, ...matrix(2, 8), ...matrix(2, 8), 0]],
      headNormBackward: [[...matrix(2, 8), ...matrix(1, 3), 1e-6, ...matrix(2, 8), ...matrix(2, 8)]],
      gatedActivationBackward: [[...matrix(2, 8), ...matrix(2, 8), ...matrix(2, 8), ...matrix(2, 8), ...matrix(2, 4)]],
      crossEntropy: [[...matrix(2, 8), floats, 0, 1, 3, 3, 3, ...matrix(1, 2), ...missing, 1]],
      // Offsets that descend, leave the rows, or are more than anyone has.
      gateMix: [[1, 5, 2], [1, 0, 9], [2, 0, 5, 3], [2 ** 40, 0, 1]].map((offsets) => [...matrix(4, 8), ...matrix(4, 8), ...matrix(1, 2), ...offsets, ...matrix(4, 8)]),
      gateGradient: [[...matrix(4, 8), ...matrix(4, 8), ...matrix(1, 3), 1, 0, 4, ...matrix(4, 8)]],
      // A store outside of the cache, more tokens than there are, a ring that has lost them.
      cacheGather: [[2, 1, 7, 4, 0, 0], [1, 1, 0, 8, 0, 0], [9, 1, 0, 8, 0, 0], [8, 1, 0, 8, 0, 1]].map((rest) => [...matrix(8, 8), ...matrix(2, 8), ...rest]),
    };
    for (const [name, calls] of Object.entries(refused)) {
      const kernel = names.includes(name as (typeof names)[number]) ? addon[name as (typeof names)[number]] : undefined;
      for (const values of kernel === undefined ? [] : calls) {
        expect(() => kernel!(Float64Array.from(values)), `${name} with ${values.length} numbers`).toThrow(RangeError);
      }
    }
    expect(addon.release(Float64Array.of(floats))).toBe(true);
  });
}
