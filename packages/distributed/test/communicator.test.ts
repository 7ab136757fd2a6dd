import { afterEach, describe, expect, test } from "vitest";
import { CommunicatorUnavailableError } from "@elastic-attention/core";
import { launchedLocalRank, launchedRanks, runRanks, SingleProcess, startCommunicator } from "../src/index.js";
import { findAddon } from "../src/find-addon.js";
import { loadNccl } from "../src/nccl/nccl-addon.js";

describe("one process", () => {
  const single = new SingleProcess();

  test("gives back what it was given, as copies", async () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const [all, sent] = [await single.allGather(bytes), await single.broadcast(bytes, 0)];
    bytes[0] = 9;
    expect([all, sent]).toEqual([[Uint8Array.of(1, 2, 3)], Uint8Array.of(1, 2, 3)]);
    const values = Float32Array.of(1, 2);
    await single.allReduceSum(values);
    expect(values).toEqual(Float32Array.of(1, 2));
  });

  test("has no second rank", async () => {
    await expect(single.broadcast(new Uint8Array(1), 1)).rejects.toThrow(/no rank 1/);
  });

  test("a failing body throws its own error", async () => {
    const failing = runRanks(async () => {
      throw new RangeError("broken");
    });
    await expect(failing).rejects.toThrow(RangeError);
    await expect(runRanks(async ({ rank, size }) => [rank, size])).resolves.toEqual([0, 1]);
  });
});

describe("which communicator", () => {
  afterEach(() => {
    delete process.env["OMPI_COMM_WORLD_SIZE"];
  });

  test.each([
    [{}, 1],
    [{ OMPI_COMM_WORLD_SIZE: "4" }, 4],
    [{ PMI_SIZE: "3" }, 3],
    [{ OMPI_COMM_WORLD_SIZE: "many" }, 1],
  ])("%j has %i ranks", (environment, ranks) => {
    expect(launchedRanks(environment)).toBe(ranks);
  });

  test.each([
    [{}, 0],
    [{ OMPI_COMM_WORLD_LOCAL_RANK: "3" }, 3],
    [{ SLURM_LOCALID: "1" }, 1],
    [{ MPI_LOCALRANKID: "-2" }, 0],
  ])("%j is number %i of its machine", (environment, rank) => {
    expect(launchedLocalRank(environment)).toBe(rank);
  });

  test("without a launcher it is one process; one rank of a launcher as well", async () => {
    expect((await startCommunicator()).name).toBe("single process");
    process.env["OMPI_COMM_WORLD_SIZE"] = "1";
    expect((await startCommunicator()).name).toBe("single process");
  });

  test("an unknown name is refused", async () => {
    await expect(startCommunicator("smoke" as "mpi")).rejects.toThrow(/"auto", "single", "mpi" or "nccl", found "smoke"/);
  });
});

test("an addon that is not there has a reason", () => {
  const { problem } = findAddon({ name: "elastic_attention_telepathy", exports: [], build: "think harder" });
  expect(problem).toMatch(/not built .*elastic_attention_telepathy.* is missing.*: think harder$/);
});

test("NCCL says what is missing, or counts the GPUs", () => {
  let reason: unknown;
  try {
    expect(loadNccl().deviceCount()).toBeGreaterThan(0);
  } catch (error) {
    reason = error;
  }
  if (reason === undefined) return;
  expect(reason).toBeInstanceOf(CommunicatorUnavailableError);
  expect((reason as Error).message).toMatch(/NCCL is not available: .*(libcuda|libnccl|GPU|not built)[\s\S]*hint: .*driver/);
});
