import * as cpu from "@elastic-attention/cpu";
import { type Backend, type BackendProvider, createBackend, referenceProvider, registerBackend } from "@elastic-attention/tensor";

/** Starts the backend that "ours" runs on. @throws BackendUnavailableError with the reasons. */
export async function startBackend({ backend, threads }: { readonly backend: string; readonly threads: number }): Promise<Backend> {
  registerBackend(referenceProvider);
  const { cpuProvider } = cpu as { cpuProvider?: BackendProvider };
  if (cpuProvider !== undefined) registerBackend(cpuProvider);
  return createBackend(backend, { threads });
}
