import { cpuProvider } from "@elastic-attention/cpu";
import { cudaProvider } from "@elastic-attention/cuda";
import { type Backend, createBackend, referenceProvider, registerBackend } from "@elastic-attention/tensor";

/** Starts the backend that "ours" runs on. @throws BackendUnavailableError with the reasons. */
export async function startBackend({ backend, threads }: { readonly backend: string; readonly threads: number }): Promise<Backend> {
  registerBackend(referenceProvider);
  registerBackend(cpuProvider);
  registerBackend(cudaProvider);
  return createBackend(backend, { threads });
}
