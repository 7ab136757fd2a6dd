import { allReduce, type Backend, gatherColumns, hostAllReduce, hostGatherColumns } from "@elastic-attention/tensor";

/** Backends that have had theirs. */
const registered = new WeakSet<Backend>();

/** Sums and gathers over ranks through the host's memory, for a backend that has no kernels of its own for them. */
export function registerRankKernels(backend: Backend): void {
  if (registered.has(backend)) return;
  registered.add(backend);
  backend.kernels.register(allReduce, hostAllReduce, { priority: -1 });
  backend.kernels.register(gatherColumns, hostGatherColumns, { priority: -1 });
}
