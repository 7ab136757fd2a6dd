import { createCpuBackend } from "@elastic-attention/cpu";
import { createCudaBackend, cudaProblems } from "@elastic-attention/cuda";
import { type Backend, type FloatDType, ReferenceBackend } from "@elastic-attention/tensor";

/** A backend that parity is checked on, and the compute types to check. */
export interface TestBackend {
  readonly name: string;
  readonly dtypes: readonly FloatDType[];
  create(): Promise<Backend>;
}

/** Every backend that can run here. */
export const testBackends: readonly TestBackend[] = [
  { name: "reference", dtypes: ["f32"], create: async () => new ReferenceBackend() },
  { name: "cpu", dtypes: ["f32", "bf16"], create: async () => createCpuBackend() },
  ...(cudaProblems().length > 0
    ? []
    : [{ name: "cuda", dtypes: ["f32", "bf16"] as const, create: async () => createCudaBackend() }]),
];
