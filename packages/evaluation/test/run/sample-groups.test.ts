import { expect, test } from "vitest";
import type { PlannedSample } from "../../src/index.js";
import { sampleGroups } from "../../src/run/sample-groups.js";
import { findSuite } from "../../src/suites.js";

const suite = findSuite("ruler");
const [first, second] = await suite.tasks({ tasks: ["vt", "fwe"] });

async function* planned(...list: readonly (readonly [task: typeof first, lengthBucket: string])[]): AsyncGenerator<PlannedSample> {
  for (const [index, [task, lengthBucket]] of list.entries()) {
    const sample = { id: `${index}`, task: task!.name, category: "", lengthBucket, prompt: "", maxNewTokens: 1, references: [], metadata: {} };
    yield { suite, task: task!, sample, index, repetition: 0 };
  }
}

async function groups(samples: AsyncGenerator<PlannedSample>, size: number, wanted: (sample: PlannedSample) => boolean = () => true): Promise<number[][]> {
  const found: number[][] = [];
  for await (const group of sampleGroups(samples, size, wanted)) found.push(group.map(({ index }) => index));
  return found;
}

test("samples run together are of one task and one range of lengths", async () => {
  expect(await groups(planned([first, "a"], [first, "b"], [first, "a"], [second, "a"], [second, "b"]), 9)).toEqual([[0, 2], [1], [3], [4]]);
});

test("no group is larger than asked, and none waits longer than it must", async () => {
  expect(await groups(planned([first, "a"], [first, "b"], [first, "a"], [first, "a"], [first, "b"]), 2)).toEqual([[0, 2], [1, 4], [3]]);
  expect(await groups(planned([first, "a"], [first, "a"]), 1)).toEqual([[0], [1]]);
});

test("samples that nothing is left to do for are passed over", async () => {
  expect(await groups(planned([first, "a"], [first, "a"], [second, "a"]), 9, ({ index }) => index === 1)).toEqual([[1]]);
  expect(await groups(planned(), 9)).toEqual([]);
});
