import { type Backend, type FloatDType, ReferenceBackend } from "@elastic-attention/tensor";

/** A backend that parity is checked on, and the compute types to check. */
export interface TestBackend {
  readonly name: string;
  readonly dtypes: readonly FloatDType[];
  create(): Promise<Backend>;
}

/** Backends that parity is checked on; the native one joins where its addon is built. */
export const testBackends: readonly TestBackend[] = [
  { name: "reference", dtypes: ["f32"], create: async () => new ReferenceBackend() },
];
