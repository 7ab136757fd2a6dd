import { expect, test } from "vitest";
import { type FamilyScore, mergeScores } from "../src/evaluate.js";

const score = (family: string, samples: number, exact: number): FamilyScore => ({
  family,
  task: "Single QA",
  length: 4096,
  samples,
  exact,
  tokens: exact,
  sparsity: 0.5,
});

test("scores of parts are joined by their number of samples", () => {
  const joined = mergeScores([[score("facts", 3, 1), score("needles", 1, 0)], [score("facts", 1, 0)]]);
  expect(joined).toEqual([score("facts", 4, 0.75), score("needles", 1, 0)]);
});
