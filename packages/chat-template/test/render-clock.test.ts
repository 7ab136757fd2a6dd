import { afterEach, describe, expect, it, vi } from "vitest";
import { RenderClock } from "../src/limits/render-clock.js";

describe("the clock of a rendering", () => {
  afterEach(() => void vi.restoreAllMocks());

  function after(clockMilliseconds: number, processorMilliseconds: number): boolean {
    const [now, usage] = [vi.spyOn(performance, "now"), vi.spyOn(process, "cpuUsage")];
    now.mockReturnValue(1000);
    usage.mockReturnValue({ user: 5000, system: 5000 });
    const clock = new RenderClock(500);
    now.mockReturnValue(1000 + clockMilliseconds);
    usage.mockReturnValue({ user: 5000 + 1000 * processorMilliseconds, system: 5000 });
    return clock.isOver();
  }

  it("is over when the time has passed, and not before", () => {
    expect([after(500, 500), after(501, 501)]).toEqual([false, true]);
  });

  it("is not over while the process was kept from running, and is where it shared the machine", () => {
    expect([after(3_600_000, 2), after(900, 250), after(700, 124)]).toEqual([false, true, false]);
  });
});
