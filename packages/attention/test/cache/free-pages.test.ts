import { expect, test } from "vitest";
import { FreePages } from "../../src/cache/pages/free-pages.js";

test("free pages: low ones first, given ones before new ones", () => {
  const free = new FreePages();
  free.addBelow(0, 6);
  expect(free.length).toBe(6);
  expect([...free.take(2)]).toEqual([1, 0]);
  free.give([0]);
  free.addBelow(6, 8);
  expect(free.length).toBe(7);
  expect([...free.take(3)]).toEqual([3, 2, 0]);
  expect([...free.take(4)]).toEqual([7, 6, 5, 4]);
  expect(free.length).toBe(0);
  free.give([3, 2, 0, 1]);
  expect([...free.take(1)]).toEqual([1]);
  free.clear();
  expect(free.length).toBe(0);
});
