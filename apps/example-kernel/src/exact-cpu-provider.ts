import { cpuProvider } from "@elastic-attention/cpu";
import { type BackendProvider, registerBackend } from "@elastic-attention/tensor";
import { preferExactNorm } from "./exact-norm-kernel.js";

/** The cpu backend with the kernel, as a backend of its own name. */
export const exactCpuProvider: BackendProvider = {
  ...cpuProvider,
  name: "cpu-exact",
  async create(options) {
    const backend = await cpuProvider.create(options);
    preferExactNorm(backend);
    return backend;
  },
};

/** Makes it known: `--backend cpu-exact`. */
export function registerExactCpu(): void {
  registerBackend(exactCpuProvider);
}
