import { CommunicatorUnavailableError } from "@elastic-attention/core";
import { loadAddon } from "../load-addon.js";

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

/** Loads the addon and looks for NCCL. @throws CommunicatorUnavailableError */
export function loadNccl(): NcclAddon {
  const loaded = loadAddon("elastic_attention_nccl", "its addon is not built (`pnpm build`)");
  if ("reason" in loaded) throw new CommunicatorUnavailableError("NCCL", [loaded.reason], hint);
  const addon = loaded.addon as NcclAddon;
  const reason = addon.unavailable();
  if (reason !== "") throw new CommunicatorUnavailableError("NCCL", [reason], hint);
  return addon;
}
