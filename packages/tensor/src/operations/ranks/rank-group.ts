/**
 * Ranks that compute one model together, each with a share of it. Every call blocks the calling thread until all ranks have
 * made it: between two calls a rank computes, and has nothing else to do while it waits.
 *
 * All ranks make the same calls in the same order. A rank that cannot go on leaves the order by {@link settle}; the others are
 * told at their next call.
 */
export interface RankGroup extends Disposable {
  /** How the ranks talk, for people: "shared memory", "MPI". */
  readonly name: string;
  /** This one, 0 to `size` - 1. */
  readonly rank: number;
  readonly size: number;
  /** Bytes of every rank, in the order of ranks; lengths may differ. @throws RankFailedError, CommunicatorError */
  allGather(bytes: Uint8Array): Uint8Array[];
  /**
   * Replaces values by their sum over all ranks, added in the order of ranks: every rank gets the same bits. Each rank passes
   * as many. @throws RankFailedError, CommunicatorError
   */
  allReduceSum(values: Float32Array): void;
  /**
   * Ends a piece of work on all ranks, whatever calls each has made: what each says of its end, in the order of ranks. Those
   * that wait in another call leave it with RankFailedError.
   */
  settle(bytes: Uint8Array): Uint8Array[];
}
