import type { CpuBackend } from "../cpu-backend.js";
import { registerAttentionKernels } from "./attention-kernels.js";
import { registerFloatKernels } from "./float-kernels.js";
import { registerLinearKernels } from "./linear-kernels.js";
import { registerRouterKernels } from "./router-kernels.js";

/** Registers every kernel of the addon with a backend. */
export function registerCpuKernels(backend: CpuBackend): void {
  registerFloatKernels(backend);
  registerLinearKernels(backend);
  registerAttentionKernels(backend);
  registerRouterKernels(backend);
}
