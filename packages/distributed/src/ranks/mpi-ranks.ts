import { CommunicatorError } from "@elastic-attention/core";
import type { RankGroup, RankSettings } from "@elastic-attention/tensor";
import { loadMpi } from "../mpi/mpi-addon.js";
import { BlockingRanks, rankCalls } from "./blocking-ranks.js";

/** What the kind is called in {@link RankSettings}. */
export const mpiKind = "mpi";

/**
 * The ranks that `mpirun` or Slurm started, on one machine or several. MPI can be joined once in a process, here or as a
 * `MpiCommunicator`; the launcher ends all ranks when one of them dies.
 *
 * @throws CommunicatorUnavailableError without MPI; CommunicatorError where the launcher started others than `settings` says
 */
export function joinMpi(settings: Pick<RankSettings, "rank" | "size">): RankGroup {
  const addon = loadMpi();
  const { rank, size } = addon.initialize();
  if (rank !== settings.rank || size !== settings.size) {
    throw new CommunicatorError(`MPI says rank ${rank} of ${size}, the launcher's environment ${settings.rank} of ${settings.size}.`);
  }
  return new BlockingRanks({
    name: "MPI",
    rank,
    size,
    exchange: (call, bytes) => addon.exchangeNow(call, bytes),
    sum: (values) => addon.sumNow(rankCalls.sum, values),
    leave: () => addon.finalize(),
  });
}
