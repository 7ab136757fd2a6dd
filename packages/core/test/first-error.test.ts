import { expect, test } from "vitest";
import { DeviceError, firstError, recordError, reviveError } from "../src/index.js";

const failing = (error: Error) => ({
  [Symbol.dispose]() {
    throw error;
  },
});

test("the first error of a block is found behind the failures to free what it used", () => {
  const first = new DeviceError("cuda", "linear", "illegal address");
  let thrown: unknown;
  try {
    using _one = failing(new Error("cannot free one"));
    using _two = failing(new Error("cannot free two"));
    throw first;
  } catch (error) {
    thrown = error;
  }
  expect(thrown).not.toBe(first);
  expect(firstError(thrown)).toBe(first);
  expect(firstError(first)).toBe(first);
  expect(firstError(undefined)).toBe(undefined);
  expect(reviveError(recordError(thrown))).toMatchObject({ name: "DeviceError", message: first.message });
});
