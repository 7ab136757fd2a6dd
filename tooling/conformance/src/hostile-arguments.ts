import type { NativeAddon } from "@elastic-attention/native";
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
}
