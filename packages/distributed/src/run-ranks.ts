import { CommunicatorError } from "@elastic-attention/core";
import type { Communicator } from "./communicator.js";
import { launchedRanks } from "./launcher.js";
import { MpiCommunicator } from "./mpi/mpi-communicator.js";
import { NcclCommunicator } from "./nccl/nccl-communicator.js";
import { SingleProcess } from "./single-process.js";

/** How ranks talk; "auto": MPI under a launcher, else one process. */
export type CommunicatorName = "auto" | "single" | "mpi" | "nccl";

/**
 * Joins the ranks of this run.
 *
 * @throws CommunicatorUnavailableError for MPI or NCCL that is not there: several ranks that know nothing of each other
 *   would each do all the work
 */
export async function startCommunicator(name: CommunicatorName = "auto"): Promise<Communicator> {
  switch (name) {
    case "single":
      return new SingleProcess();
    case "auto":
      return launchedRanks() > 1 ? MpiCommunicator.start() : new SingleProcess();
    case "mpi":
      return MpiCommunicator.start();
    case "nccl":
      return NcclCommunicator.start(launchedRanks() > 1 ? MpiCommunicator.start() : new SingleProcess());
    default:
      throw new CommunicatorError(`A communicator is "auto", "single", "mpi" or "nccl", found ${JSON.stringify(name)}.`);
  }
}

/**
 * Runs `body` on every rank. When it ends on all of them, so does the group; when it throws on one, every rank ends, as the
 * others would wait for it for ever.
 */
export async function runRanks<Result>(
  body: (communicator: Communicator) => Promise<Result>,
  name: CommunicatorName = "auto",
): Promise<Result> {
  const communicator = await startCommunicator(name);
  let result: Result;
  try {
    result = await body(communicator);
  } catch (error) {
    return communicator.abort(error);
  }
  await communicator.close();
  return result;
}
