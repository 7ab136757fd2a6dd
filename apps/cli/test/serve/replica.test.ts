import { expect, test } from "vitest";
import { replicaEnvironment, replicaPlace, threadsOf } from "../../src/commands/serve/replica.js";

test("each of several replicas gets cards of its own, as many as it needs, out of those that are visible", () => {
  const visible = { CUDA_VISIBLE_DEVICES: "2,5,6,7" };
  const cards = (index: number, count: number, each: number) => replicaEnvironment({ index, count }, each, visible)["CUDA_VISIBLE_DEVICES"];
  expect([0, 1, 2, 3].map((index) => cards(index, 4, 1))).toEqual(["2", "5", "6", "7"]);
  expect([0, 1].map((index) => cards(index, 2, 2))).toEqual(["2,5", "6,7"]);
  // One replica has what there is; more replicas than cards share them.
  expect(cards(0, 1, 1)).toBeUndefined();
  expect(cards(4, 5, 1)).toBe("2");
});

test("a replica knows its place and takes its share of the processor; other processes have none", () => {
  expect(replicaPlace(replicaEnvironment({ index: 1, count: 3 }, 1, {}))).toEqual({ index: 1, count: 3 });
  expect(replicaPlace({})).toBeUndefined();
  expect(threadsOf({ index: 0, count: 1 })).toBeGreaterThan(0);
  expect(threadsOf({ index: 0, count: 10_000 })).toBe(1);
});
