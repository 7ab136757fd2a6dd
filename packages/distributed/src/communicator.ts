/**
 * How the processes ("ranks") of one run talk. Every method but `abort` is collective: all ranks call the same methods in
 * the same order, and each call resolves when this rank's part is done. The event loop stays free meanwhile. Calls of one
 * rank may overlap; they are carried out in the order they were made.
 */
export interface Communicator {
  /** "single process", "MPI" or "NCCL over MPI". */
  readonly name: string;
  /** This process, 0 to `size` - 1. */
  readonly rank: number;
  readonly size: number;
  /** Resolves when every rank has come here. @throws CommunicatorError */
  barrier(): Promise<void>;
  /**
   * Bytes of rank `root`, on every rank; what the others pass is not read.
   * @throws CommunicatorError
   */
  broadcast(bytes: Uint8Array, root: number): Promise<Uint8Array>;
  /**
   * Replaces `values` by their sum over all ranks; every rank gets the same bits. Each rank passes the same length and type;
   * do not touch `values` before it resolves.
   * @throws CommunicatorError when lengths or types differ
   */
  allReduceSum(values: Float32Array | Float64Array): Promise<void>;
  /** The bytes of every rank, in the order of ranks; lengths may differ. @throws CommunicatorError */
  allGather(bytes: Uint8Array): Promise<Uint8Array[]>;
  /** Ends every rank with exit code 1, and says why on standard error. For a failure that the others cannot know of. */
  abort(reason: unknown): never;
  /** Leaves the group, when every rank does. Nothing may be called after it. */
  close(): Promise<void>;
}
