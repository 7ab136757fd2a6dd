import type { Operation } from "@elastic-attention/tensor";
import type { CallArguments } from "../call-arguments.js";
import type { NativeKernel } from "../native-addon.js";
import type { NativeBackend } from "../native-backend.js";

/** A kernel that is one call of the addon. */
export interface PackedKernel<Call> {
  readonly name: string;
  supports(call: Call): readonly string[];
  /** Checks the shapes and packs the arguments. @throws ShapeError */
  pack(call: Call): CallArguments;
}

/** Registers a kernel where the addon exports its function. */
export function registerPacked<Call>(
  backend: NativeBackend,
  operation: Operation<Call, void>,
  native: NativeKernel | undefined,
  kernel: PackedKernel<Call>,
): void {
  if (native === undefined) return;
  backend.kernels.register(operation, {
    name: kernel.name,
    supports: (call) => kernel.supports(call),
    run: (call) => backend.call(operation.name, native, kernel.pack(call)),
  });
}
