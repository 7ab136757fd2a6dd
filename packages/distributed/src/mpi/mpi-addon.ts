import { CommunicatorUnavailableError } from "@elastic-attention/core";
import { findAddon } from "../find-addon.js";

/** What the addon exports. Promises are settled from a thread of the pool; calls must not overlap. */
export interface MpiAddon {
  /** Joins the ranks that the launcher started. Once for a process. */
  initialize(): { readonly rank: number; readonly size: number; readonly library: string };
  barrier(): Promise<void>;
  broadcast(bytes: Uint8Array, root: number): Promise<Uint8Array>;
  allReduceSum(values: Float32Array | Float64Array): Promise<void>;
  allGather(bytes: Uint8Array): Promise<Uint8Array[]>;
  /** Blocks its thread: bytes of every rank; undefined when they have come for different things. */
  exchangeNow(call: number, bytes: Uint8Array): Uint8Array[] | undefined;
  /** Blocks its thread: sums in place; false when they have come for different things. */
  sumNow(call: number, values: Float32Array): boolean;
  finalize(): void;
  abort(code: number): never;
}

const exports = [
  "initialize",
  "barrier",
  "broadcast",
  "allReduceSum",
  "allGather",
  "exchangeNow",
  "sumNow",
  "finalize",
  "abort",
] as const satisfies readonly (keyof MpiAddon)[];

const installation =
  "Install an MPI with its headers and build again: `apt-get install openmpi-bin libopenmpi-dev`, then `pnpm build`.";

/** Loads the addon. @throws CommunicatorUnavailableError */
export function loadMpi(): MpiAddon {
  const build = "`pnpm build` makes it where an MPI is found";
  const { addon, problem } = findAddon<MpiAddon>({ name: "elastic_attention_mpi", exports, build });
  if (addon === undefined) throw new CommunicatorUnavailableError("MPI", [problem], installation);
  return addon;
}
