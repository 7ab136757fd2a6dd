import { expect, test } from "vitest";
import { findSuite, nearestName } from "../src/index.js";

test("an unknown suite is refused", () => {
  expect(() => findSuite("rulr")).toThrow('There is no suite called "rulr".');
});

test("the nearest name is the one with the fewest changed letters, if any is near", () => {
  const known = ["niah_single_1", "niah_multikey_1", "vt", "qa_1"];
  expect(nearestName("niah_singel_1", known)).toBe("niah_single_1");
  expect(nearestName("NIAH_MULTIKEY_2", known)).toBe("niah_multikey_1");
  expect(nearestName("completely different", known)).toBeUndefined();
});
