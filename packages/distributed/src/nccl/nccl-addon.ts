import { CommunicatorUnavailableError } from "@elastic-attention/core";
import { findAddon } from "../find-addon.js";

/** What the addon exports. A communicator is known to JavaScript by number only. */
export interface NcclAddon {
  /** Why NCCL cannot run here: empty when it can. */
  unavailable(): string;
  deviceCount(): number;
  /** Where a GPU sits in its machine: the same for every process, whichever GPUs it sees. */
  deviceAddress(device: number): string;
  /** A name for a new group, 128 bytes, made by one rank. */
  uniqueId(): Uint8Array;
  /** Collective: returns when all ranks of the group have come. */
  open(id: Uint8Array, rank: number, size: number, device: number): Promise<number>;
  allReduceSum(communicator: number, values: Float32Array | Float64Array): Promise<void>;
  close(communicator: number): void;
}

const hint = "NCCL needs an NVIDIA driver and libnccl.so.2 on the library path; without it let MPI carry the sums.";

const exports = ["unavailable", "deviceCount", "deviceAddress", "uniqueId", "open", "allReduceSum", "close"] as const satisfies readonly (keyof NcclAddon)[];

/** Loads the addon and looks for NCCL. @throws CommunicatorUnavailableError */
export function loadNccl(): NcclAddon {
  const { addon, problem } = findAddon<NcclAddon>({ name: "elastic_attention_nccl", exports, build: "run `pnpm build`" });
  if (addon === undefined) throw new CommunicatorUnavailableError("NCCL", [problem], hint);
  const reason = addon.unavailable();
  if (reason !== "") throw new CommunicatorUnavailableError("NCCL", [reason], hint);
  return addon;
}
