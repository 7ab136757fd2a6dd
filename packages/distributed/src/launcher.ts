// What a launcher (mpirun, Slurm, MPICH's hydra) tells the processes that it starts.

/** Ranks that the launcher (mpirun, Slurm, MPICH's hydra) says it started; 1 without a launcher. */
export function launchedRanks(environment: NodeJS.ProcessEnv = process.env): number {
  const size = environment["OMPI_COMM_WORLD_SIZE"] ?? environment["PMI_SIZE"] ?? environment["PMIX_SIZE"];
  const ranks = Number(size ?? 1);
  return Number.isSafeInteger(ranks) && ranks > 0 ? ranks : 1;
}

/** Which of the ranks that the launcher started on this machine this one is; 0 without a launcher. */
export function launchedLocalRank(environment: NodeJS.ProcessEnv = process.env): number {
  const place = environment["OMPI_COMM_WORLD_LOCAL_RANK"] ?? environment["MPI_LOCALRANKID"] ?? environment["SLURM_LOCALID"];
  const rank = Number(place ?? 0);
  return Number.isSafeInteger(rank) && rank > 0 ? rank : 0;
}
