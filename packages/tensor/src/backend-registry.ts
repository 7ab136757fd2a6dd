import { BackendUnavailableError, InvalidOptionError } from "@elastic-attention/core";
import type { Backend } from "./backend.js";
import type { BlockWeights } from "./block-weights.js";
import type { WorkSizes } from "./work-sizes.js";

/** Settings that every backend understands; one may take more. */
export interface BackendOptions {
  /** Worker threads of a CPU backend; default: all available cores. */
  readonly threads?: number;
  readonly [option: string]: unknown;
}

/** How a backend is found and started. */
export interface BackendProvider {
  readonly name: string;
  /** Those of the backends it starts, known without starting one. */
  readonly workSizes: WorkSizes;
  /** The same of them; see `Backend`. */
  readonly blockWeights?: BlockWeights;
  /** Whether it computes on a device that many machines lack, and that a process may lose until it ends. Default false. */
  readonly needsDevice?: boolean;
  /** The settings besides `threads` that it takes; `createBackend` refuses others. Missing: `create` looks at them itself. */
  readonly options?: readonly string[];
  /** Why it cannot start here; empty when it can. Cheap: it feeds `doctor` and error messages. */
  available(): Promise<readonly string[]>;
  create(options: BackendOptions): Promise<Backend>;
}

const providers = new Map<string, BackendProvider>();

/** Makes a backend known by name to {@link createBackend}; the application composes, models never import a backend. */
export function registerBackend(provider: BackendProvider): void {
  providers.set(provider.name, provider);
}

/** The registered providers, in order of registration. */
export function registeredBackends(): readonly BackendProvider[] {
  return [...providers.values()];
}

/** The provider of a name, whether it can start here or not. @throws BackendUnavailableError naming those that are registered */
export function backendProvider(name: string): BackendProvider {
  const provider = providers.get(name);
  if (provider !== undefined) return provider;
  const known = [...providers.keys()].join(", ") || "none";
  throw new BackendUnavailableError(name, ["no package has registered it"], `Registered backends: ${known}.`);
}

/**
 * Starts a backend by name.
 * @throws BackendUnavailableError with the reasons and what to do; InvalidOptionError for a setting that it does not take
 */
export async function createBackend(name: string, options: BackendOptions = {}): Promise<Backend> {
  const provider = backendProvider(name);
  const unknown = Object.keys(options).find((key) => key !== "threads" && options[key] !== undefined && provider.options?.includes(key) === false);
  if (unknown !== undefined) throw new InvalidOptionError(`The backend ${name} has no setting ${unknown}.`, unknown, "Leave it out, or take another backend.");
  const reasons = await provider.available();
  if (reasons.length > 0) {
    throw new BackendUnavailableError(name, reasons, "Run `elastic-attention doctor` to see how to fix it.");
  }
  return provider.create(options);
}
