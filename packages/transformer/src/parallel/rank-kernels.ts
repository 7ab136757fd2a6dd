import { allReduce, type Backend, gatherColumns, hostAllReduce, hostGatherColumns, type RankGroup } from "@elastic-attention/tensor";

/** Backends that have had theirs. */
const registered = new WeakSet<Backend>();

/**
 * Prepares a backend for sums and gathers over ranks: over its devices where they reach each other, else through the host's
 * memory. All ranks call it at once.
 *
 * @returns why the devices do not reach each other, where they could; undefined elsewhere
 */
export function joinRanks(backend: Backend, ranks: RankGroup): string | undefined {
  const problem = backend.joinRanks?.(ranks);
  registerRankKernels(backend);
  return problem;
}

function registerRankKernels(backend: Backend): void {
  if (registered.has(backend)) return;
  registered.add(backend);
  backend.kernels.register(allReduce, hostAllReduce, { priority: -1 });
  backend.kernels.register(gatherColumns, hostGatherColumns, { priority: -1 });
}
