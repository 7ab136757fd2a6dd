import { type Backend, createBackend } from "@elastic-attention/tensor";
import type { ModelOptions } from "../options/model-options.js";

/** The backend of a command that computes without an engine. @throws BackendUnavailableError */
export async function startBackend({ backend: name, threads, memoryLimit }: Pick<ModelOptions, "backend" | "threads" | "memoryLimit">): Promise<Backend> {
  const backend = await createBackend(name, threads === undefined ? {} : { threads });
  if (memoryLimit !== undefined) backend.setMemoryLimit(memoryLimit);
  return backend;
}
