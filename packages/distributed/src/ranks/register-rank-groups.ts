import { registerRankGroup } from "@elastic-attention/tensor";
import { joinMpi, mpiKind } from "./mpi-ranks.js";
import { joinSharedMemory, sharedMemoryKind } from "./shared-memory-ranks.js";

/** Makes both ways between ranks known to `openRankGroup`: memory of one machine, and MPI. */
export function registerRankGroups(): void {
  registerRankGroup(sharedMemoryKind, joinSharedMemory);
  registerRankGroup(mpiKind, joinMpi);
}
