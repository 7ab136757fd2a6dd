import type { Fence } from "@elastic-attention/tensor";
import type { PrefillPhase } from "@elastic-attention/transformer";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { SliceClock } from "../../src/schedule/slice-clock.js";

let now: number;
beforeEach(() => {
  now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => now);
});
afterEach(() => void vi.restoreAllMocks());

/** A device that does one slice after another, in time that passes only while somebody waits. */
class QueuedDevice {
  #end = 0;

  issue(milliseconds: number): Fence {
    const end = (this.#end = Math.max(this.#end, now) + milliseconds);
    return {
      wait: async () => {
        now = Math.max(now, end);
      },
    };
  }

  /** A step of others, behind everything that was issued. @returns when it begins */
  step(milliseconds: number): number {
    const begin = Math.max(this.#end, now);
    now = this.#end = begin + milliseconds;
    return begin;
  }

  /** Slices that are not done. */
  isBusy(): boolean {
    return this.#end > now;
  }
}

/** Milliseconds of a layer's slices, about as an 8B model at 131 072 tokens has them. */
const layer: readonly (readonly [PrefillPhase, number])[] = [
  ...Array.from({ length: 16 }, () => ["projection", 0.8] as const),
  ["cache", 7],
  ...Array.from({ length: 20 }, () => ["attention", 3.6] as const),
  ...Array.from({ length: 16 }, () => ["feed-forward", 4.6] as const),
];
const slices: readonly (readonly [PrefillPhase, number])[] = [["embedding", 6], ...Array.from({ length: 8 }, () => layer).flat()];

/** Pauses of others under a budget, and how often the device had nothing to do after a slice. */
async function pauses(atOnce: number, budget: number): Promise<{ stalls: number[]; idle: number }> {
  const device = new QueuedDevice();
  const clock = new SliceClock(atOnce);
  const stalls: number[] = [];
  let idle = 0;
  for (let next = 0; next < slices.length; ) {
    const begun = now;
    clock.begin();
    for (let isOver = false; !isOver && next < slices.length; next++) {
      const [phase, milliseconds] = slices[next]!;
      await clock.issued(phase, device.issue(milliseconds));
      if (!device.isBusy()) idle += 1;
      isOver = now - begun + clock.expected(phase) > budget;
    }
    stalls.push(device.step(8) - begun);
  }
  return { stalls, idle };
}

describe("slices of a prompt", () => {
  test.each([1, 2])("%i at a time keep a budget from the first layer on, and use most of it", async (atOnce) => {
    for (const budget of [25, 50, 100]) {
      const { stalls } = await pauses(atOnce, budget);
      expect(Math.max(...stalls)).toBeLessThanOrEqual(budget);
      const mean = stalls.reduce((sum, stall) => sum + stall, 0) / stalls.length;
      // The longest slice is always reckoned with before it comes.
      expect(mean).toBeGreaterThan(budget - 10);
    }
  });

  test("without a budget of any use each runs by itself", async () => {
    const { stalls } = await pauses(2, 3);
    expect([stalls.length, Math.max(...stalls)]).toEqual([slices.length, 7]);
  });

  test("with two at a time the device goes from one to the next", async () => {
    expect((await pauses(1, 50)).idle).toBe(slices.length);
    // Only the first of each phase is waited for.
    expect((await pauses(2, 50)).idle).toBe(5);
  });
});
