import { describe, expect, test } from "vitest";
import { gpusForRanks, runScenario, withoutRanks } from "./mpi-launch.js";

const reason = withoutRanks();
const gpus = gpusForRanks();

describe.skipIf(reason !== undefined)(`ranks under mpirun${reason === undefined ? "" : ` (skipped: ${reason})`}`, () => {
  test("sum, gather and broadcast", () => {
    const { status, results, stderr } = runScenario("collectives", 2);
    expect([status, results.length, stderr.includes("rror")]).toEqual([0, 2, false]);
    for (const [rank, result] of results.entries()) {
      expect(result).toEqual({
        name: "MPI",
        rank,
        size: 2,
        single: [10, 12, 14, 16, 18],
        double: [0.1 + 1.1, 2 ** 41],
        frame: [7, 7, 14, 14, 7, 7],
        all: ["0", "xxx1"],
        news: "from the last",
        empty: [0, 0],
      });
    }
  });

  test("three ranks on two cores", () => {
    const { status, results } = runScenario("collectives", 3);
    expect([status, results.map(({ all }) => all)]).toEqual([0, Array.from({ length: 3 }, () => ["0", "xxx1", "xxxxxx2"])]);
  });

  test("large messages arrive whole", () => {
    const { results } = runScenario("large", 2);
    expect(results.map(({ lengths, ends }) => [lengths, ends])).toEqual(Array.from({ length: 2 }, () => [[40_000_003, 40_000_003], [[1, 1], [2, 2]]]));
  });

  test("a waiting rank keeps its event loop and leaves the core alone", () => {
    const waiting = runScenario("patience", 2).results[1] as { turns: number; seconds: number };
    expect(waiting.turns).toBeGreaterThan(20);
    // MPI's own wait would have burnt the whole 1.5 seconds.
    expect(waiting.seconds).toBeLessThan(0.9);
  });

  test("ranks that disagree are told so, all of them, and go on", () => {
    const { status, results } = runScenario("disagreement", 2);
    expect(status).toBe(0);
    for (const { refused, sum } of results as { refused: string[]; sum: number }[]) {
      expect(refused[0]).toMatch(/CommunicatorError: rank [01] sums [12] values of float32, rank [01] sums [12]/);
      expect(refused[1]).toMatch(/float64, .*float32|float32, .*float64/);
      expect(refused[2]).toMatch(/no rank 9; this run has ranks 0 to 1/);
      expect(refused[3]).toMatch(/Float32Array or a Float64Array|typed array/);
      expect(sum).toBe(2);
    }
  });

  test("one rank's failure ends the others, and says why", () => {
    const { status, results, stderr } = runScenario("failure", 2);
    expect([status === 0, results]).toEqual([false, []]);
    expect(stderr).toMatch(/rank 1 of 2 failed, so every rank ends: Error: the second rank broke/);
  });

  test("a killed rank ends the others", () => {
    const { status, results } = runScenario("crash", 2);
    expect([status === 0, results]).toEqual([false, []]);
  });

  test("NCCL without a GPU for each rank is refused on every rank", () => {
    const { status, stderr } = runScenario("collectives", Math.max(2, gpus + 1), "nccl");
    expect(status).not.toBe(0);
    expect(stderr).toMatch(gpus === 0 ? /NCCL is not available: rank 0: .*rank 1: / : /NCCL is not available: ranks 0 and \d share the GPU /);
  });

  test.skipIf(gpus < 2)(`NCCL sums over two GPUs${gpus < 2 ? ` (skipped: this machine has ${gpus})` : ""}`, () => {
    const { status, results } = runScenario("collectives", 2, "nccl");
    expect([status, results.length]).toEqual([0, 2]);
    for (const { name, single, double, frame } of results) {
      expect([name, single, double, frame]).toEqual(["NCCL over MPI", [10, 12, 14, 16, 18], [0.1 + 1.1, 2 ** 41], [7, 7, 14, 14, 7, 7]]);
    }
  });
});
