import { setTimeout as pause } from "node:timers/promises";

/** One side of a comparison. */
export interface Contender {
  readonly name: string;
  /** One round: seconds of each repetition in it. */
  round(): Promise<readonly number[]>;
}

/** Idle threads of OpenMP and of ggml spin for some milliseconds before they sleep; the next side must not pay for it. */
const settleMilliseconds = 60;

/**
 * Runs the sides in turns, each round beginning with another side, so that what the machine does meanwhile meets all
 * of them alike.
 *
 * @returns seconds of all repetitions by name, in the order of `contenders`.
 */
export async function alternate(
  contenders: readonly Contender[],
  rounds: number,
  progress: (line: string) => void = () => {},
): Promise<ReadonlyMap<string, readonly number[]>> {
  const samples = new Map(contenders.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const contender = contenders[(round + turn) % contenders.length]!;
      await pause(settleMilliseconds);
      const seconds = await contender.round();
      samples.get(contender.name)!.push(...seconds);
    }
    progress(`round ${round + 1} of ${rounds}`);
  }
  return samples;
}

/** Seconds that `work` takes. */
export async function timed(work: () => void | Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}
