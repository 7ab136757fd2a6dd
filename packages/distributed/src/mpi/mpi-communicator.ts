import { CommunicatorError, ElasticAttentionError } from "@elastic-attention/core";
import type { Communicator } from "../communicator.js";
import { loadMpi, type MpiAddon } from "./mpi-addon.js";

/** Only one group of ranks can be joined, once, in the life of a process: MPI's rule. */
let joined = false;

/**
 * Ranks started by `mpirun` or Slurm. Calls run on a thread of Node's pool and wait with short naps, so that neither the
 * event loop nor a core is held while other ranks are busy.
 */
export class MpiCommunicator implements Communicator {
  readonly name = "MPI";
  /** The last call: the next one starts behind it. */
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(
    private readonly addon: MpiAddon,
    readonly rank: number,
    readonly size: number,
    /** The MPI that was found, with its version. */
    readonly library: string,
  ) {}

  /** Joins the other ranks. @throws CommunicatorUnavailableError, CommunicatorError when the process joined before */
  static start(): MpiCommunicator {
    if (joined) throw new CommunicatorError("This process has joined its ranks already.", { hint: "Keep one communicator and pass it on." });
    const addon = loadMpi();
    joined = true;
    const { rank, size, library } = addon.initialize();
    return new MpiCommunicator(addon, rank, size, library);
  }

  barrier(): Promise<void> {
    return this.#inOrder(() => this.addon.barrier());
  }

  broadcast(bytes: Uint8Array, root: number): Promise<Uint8Array> {
    if (!(Number.isInteger(root) && root >= 0 && root < this.size)) {
      return Promise.reject(new CommunicatorError(`There is no rank ${root}; this run has ranks 0 to ${this.size - 1}.`));
    }
    return this.#inOrder(() => this.addon.broadcast(bytes, root));
  }

  allReduceSum(values: Float32Array | Float64Array): Promise<void> {
    return this.#inOrder(() => this.addon.allReduceSum(values));
  }

  allGather(bytes: Uint8Array): Promise<Uint8Array[]> {
    return this.#inOrder(() => this.addon.allGather(bytes));
  }

  abort(reason: unknown): never {
    const words = ElasticAttentionError.isInstance(reason) ? reason.message : reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
    process.stderr.write(`rank ${this.rank} of ${this.size} failed, so every rank ends: ${words}\n`);
    return this.addon.abort(1);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    await this.barrier();
    this.#closed = true;
    this.addon.finalize();
  }

  #inOrder<Result>(call: () => Promise<Result>): Promise<Result> {
    if (this.#closed) return Promise.reject(new CommunicatorError("The communicator was closed."));
    const result = this.#last.then(call);
    // A failed call is its caller's to handle; the next one is made all the same.
    this.#last = result.catch(() => {});
    return result;
  }
}
