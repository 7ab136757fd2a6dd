import { expect, test } from "vitest";
import { SeededRandom } from "../src/seeded-random.js";

const numbers = Array.from({ length: 100 }, (_, index) => index);

test("the same name and seed choose the same; another name or seed otherwise", () => {
  const choice = (name: string, seed: number) => new SeededRandom(name, seed).shuffle(numbers).join();
  expect(choice("a", 1)).toBe(choice("a", 1));
  expect(choice("a", 1)).not.toBe(choice("b", 1));
  expect(choice("a", 1)).not.toBe(choice("a", 2));
});

test("samples have different items, few of many as the front of all", () => {
  expect(new Set(new SeededRandom("a", 1).shuffle(numbers)).size).toBe(100);
  expect(new SeededRandom("a", 1).sample(numbers, 5)).toEqual(new SeededRandom("a", 1).shuffle(numbers).slice(0, 5));
  expect(new SeededRandom("a", 1).sample([1, 2], 9)).toHaveLength(2);
  const ascending = new SeededRandom("a", 1).ascending(50, 10);
  expect(ascending).toEqual([...new Set(ascending)].toSorted((left, right) => left - right));
});

test("integers are spread evenly", () => {
  const random = new SeededRandom("even", 3);
  const counts = Array.from({ length: 10 }, () => 0);
  for (let draw = 0; draw < 10_000; draw++) counts[random.integer(10)]! += 1;
  // 1 000 each; five standard deviations are 150.
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
});

test("UUIDs are of version 4", () => {
  const random = new SeededRandom("uuid", 1);
  for (let draw = 0; draw < 20; draw++) expect(random.uuid()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
