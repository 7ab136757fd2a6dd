import { expect, test } from "vitest";
import { aggregateRecords } from "../../src/aggregate.js";

const record = (task: string, category: string, lengthBucket: string, score: number, metadata = {}) => ({
  task,
  category,
  lengthBucket,
  score,
  metadata,
});

// Two tasks of unlike size in one category: the category weighs tasks, the average samples.
const records = [
  record("lcc", "Code", "8k+", 0.5, { difficulty: "hard" }),
  record("qasper", "S-Doc QA", "0-4k", 1, { difficulty: "easy" }),
  record("qasper", "S-Doc QA", "4-8k", 0, { difficulty: "hard" }),
  record("qasper", "S-Doc QA", "0-4k", 0.5),
  record("multifieldqa_en", "S-Doc QA", "0-4k", 1),
];

test("categories are means of tasks, the average is the mean of samples", () => {
  const summary = aggregateRecords(records, { average: "samples", taskOrder: ["qasper", "multifieldqa_en", "lcc"] });
  expect(summary.average).toBeCloseTo(3 / 5, 12);
  expect(summary.tasks.map(({ name, samples, score }) => [name, samples, score])).toEqual([
    ["qasper", 3, 0.5],
    ["multifieldqa_en", 1, 1],
    ["lcc", 1, 0.5],
  ]);
  expect(summary.categories).toEqual([
    { name: "S-Doc QA", score: 0.75, samples: 4 },
    { name: "Code", score: 0.5, samples: 1 },
  ]);
  expect(summary.lengths.map(({ name, samples }) => [name, samples])).toEqual([
    ["0-4k", 3],
    ["4-8k", 1],
    ["8k+", 1],
  ]);
  expect(summary.lengths[0]!.score).toBeCloseTo(2.5 / 3, 12);
});

test("the mean over tasks weighs each task of a length, and each length, the same", () => {
  const summary = aggregateRecords(records, { average: "tasks", taskOrder: [] });
  expect(summary.lengths.map((length) => length.score)).toEqual([(0.75 + 1) / 2, 0, 0.5]);
  expect(summary.average).toBeCloseTo((0.875 + 0 + 0.5) / 3, 12);
});

test("groups by metadata, and any value of a record in place of the score", () => {
  const rule = { average: "samples", taskOrder: [], groups: { difficulty: "difficulty" } } as const;
  const summary = aggregateRecords(records, rule);
  expect(summary.groups).toEqual({
    difficulty: [
      { name: "hard", score: 0.25, samples: 2 },
      { name: "easy", score: 1, samples: 1 },
    ],
  });
  expect(aggregateRecords(records, rule, () => 0.7).average).toBeCloseTo(0.7, 12);
});

test("the average weighs tasks by their sample counts, as those of LongBench-E", () => {
  // Scores are made up: the rule is what is tested.
  const counts = { qasper: 224, multifieldqa_en: 150, multi_news: 294, trec: 300 };
  const scores = { qasper: 0.4, multifieldqa_en: 0.5, multi_news: 0.25, trec: 0.7 };
  const all = Object.entries(counts).flatMap(([task, count]) =>
    Array.from({ length: count }, () => record(task, "any", "0-4k", scores[task as keyof typeof scores])),
  );
  const weighted = (224 * 0.4 + 150 * 0.5 + 294 * 0.25 + 300 * 0.7) / 968;
  expect(aggregateRecords(all, { average: "samples", taskOrder: [] }).average).toBeCloseTo(weighted, 12);
});
