// What a launcher (mpirun, Slurm, MPICH's hydra) tells the processes that it starts.

/** Ranks that the launcher says it started; 1 without a launcher. */
export function launchedRanks(environment: NodeJS.ProcessEnv = process.env): number {
  return told(environment, ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_SIZE"], 1);
}

/** Which of all the ranks that the launcher started this one is; 0 without a launcher. */
export function launchedRank(environment: NodeJS.ProcessEnv = process.env): number {
  return told(environment, ["OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"], 0);
}

/** Which of the ranks that the launcher started on this machine this one is; 0 without a launcher. */
export function launchedLocalRank(environment: NodeJS.ProcessEnv = process.env): number {
  return told(environment, ["OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "SLURM_LOCALID"], 0);
}

/** The first of the variables that is set; `least` where none is, and for what is no number from there on. */
function told(environment: NodeJS.ProcessEnv, names: readonly string[], least: number): number {
  const value = Number(names.map((name) => environment[name]).find((text) => text !== undefined));
  return Number.isSafeInteger(value) && value >= least ? value : least;
}
