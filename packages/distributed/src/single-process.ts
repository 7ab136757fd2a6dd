import { CommunicatorError } from "@elastic-attention/core";
import type { Communicator } from "./communicator.js";

/** One rank, no other processes: sums and gathers give back what they were given. */
export class SingleProcess implements Communicator {
  readonly name = "single process";
  readonly rank = 0;
  readonly size = 1;

  async barrier(): Promise<void> {}

  async broadcast(bytes: Uint8Array, root: number): Promise<Uint8Array> {
    if (root !== 0) throw new CommunicatorError(`There is no rank ${root}; this run has one rank, 0.`);
    return bytes.slice();
  }

  async allReduceSum(_values: Float32Array | Float64Array): Promise<void> {}

  async allGather(bytes: Uint8Array): Promise<Uint8Array[]> {
    return [bytes.slice()];
  }

  abort(reason: unknown): never {
    throw reason;
  }

  async close(): Promise<void> {}
}
