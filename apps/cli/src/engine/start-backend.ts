import { type Backend, createBackend } from "@elastic-attention/tensor";
import type { ModelOptions } from "../options/model-options.js";
import { backendSettings } from "./load-settings.js";

/** The backend of a command that computes without an engine. @throws BackendUnavailableError */
export async function startBackend(options: Pick<ModelOptions, "backend" | "threads" | "cpuLevel" | "memoryLimit">): Promise<Backend> {
  const { backend: name, memoryLimit } = options;
  const backend = await createBackend(name, backendSettings(options));
  if (memoryLimit !== undefined) backend.setMemoryLimit(memoryLimit);
  return backend;
}
