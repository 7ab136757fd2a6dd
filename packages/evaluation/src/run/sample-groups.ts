import type { PlannedSample } from "./sample-plan.js";

/**
 * Samples that are run together: of one task and one range of lengths, so that their times compare, in the order they came.
 *
 * @param size samples of a group at most
 * @param wanted whether there is anything to do for a sample
 */
export async function* sampleGroups(
  samples: AsyncIterable<PlannedSample>,
  size: number,
  wanted: (sample: PlannedSample) => boolean,
): AsyncGenerator<readonly PlannedSample[], void, undefined> {
  const waiting = new Map<string, PlannedSample[]>();
  let task: PlannedSample["task"] | undefined;
  for await (const planned of samples) {
    if (!wanted(planned)) continue;
    if (planned.task !== task) {
      yield* waiting.values();
      waiting.clear();
      task = planned.task;
    }
    const { lengthBucket } = planned.sample;
    const group = [...(waiting.get(lengthBucket) ?? []), planned];
    if (group.length < size) {
      waiting.set(lengthBucket, group);
      continue;
    }
    waiting.delete(lengthBucket);
    yield group;
  }
  yield* waiting.values();
}
