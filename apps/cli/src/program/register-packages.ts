import { cpuProvider } from "@elastic-attention/cpu";
import { cudaProvider } from "@elastic-attention/cuda";
import { registerRankGroups } from "@elastic-attention/distributed";
import { registerModelFamilies } from "@elastic-attention/model-families";
import { registerLlama } from "@elastic-attention/model-llama";
import { registerQwen } from "@elastic-attention/model-qwen";
import { registerShippedRouters } from "@elastic-attention/routers";
import { referenceProvider, registerBackend } from "@elastic-attention/tensor";

let registered = false;

/**
 * Makes everything that comes with the command line known: here, and in the engine's worker thread. Once in a thread: what
 * a user's module registers afterwards stays.
 */
export default function registerPackages(): void {
  if (registered) return;
  registered = true;
  registerBackend(cpuProvider);
  registerBackend(cudaProvider);
  registerBackend(referenceProvider);
  registerRankGroups();
  registerLlama();
  registerQwen();
  registerModelFamilies();
  registerShippedRouters();
}
