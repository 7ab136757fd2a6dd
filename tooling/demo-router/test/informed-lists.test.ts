import { expect, test } from "vitest";
import type { FamilyScore } from "../src/evaluate.js";
import { informedGains } from "../src/informed-lists.js";

const score = (task: string, sparsity: number, exact: number): FamilyScore => ({ family: task, task, length: 4096, samples: 2, exact, tokens: exact / 2, sparsity });

/** Questions need heads, code does not. */
const list = (file: string, ...answered: (readonly [sparsity: number, questions: number])[]) =>
  answered.map(([sparsity, questions]): [string, FamilyScore[]] => [
    `heads ${file} at ${sparsity.toFixed(3)}`,
    [score("Single QA", sparsity, questions), score("Code", sparsity, 0.5)],
  ]);

test("a list that is told the task gains what heads are worth to the tasks that need them", () => {
  const systems = new Map([["full", [score("Single QA", 0, 1)]], ...list("a.json", [0.9, 0.2], [0.5, 1], [0.7, 0.8]), ...list("b.json", [0.5, 1])]);
  // At 0.5 and 0.7: (1 + 0.5) / 2 against the mean of 0.75 and 0.65; at 0.5 and 0.9 against the 0.65 of 0.7.
  const [gain, ...others] = informedGains(systems, 0.1);
  expect(others).toEqual([]);
  expect(gain).toMatchObject({ list: "heads a.json", pairs: 3 });
  expect(gain!.exact.least).toBeCloseTo(0.05, 12);
  expect(gain!.exact.most).toBeCloseTo((0.8 + 0.5) / 2 - (0.65 + 0.35) / 2, 12);
  expect(gain!.tokens.most).toBeCloseTo(gain!.exact.most / 2, 12);
  expect(informedGains(systems, 0.3)).toMatchObject([{ pairs: 1, exact: { mean: expect.closeTo(0.1, 12) as number } }]);
});
