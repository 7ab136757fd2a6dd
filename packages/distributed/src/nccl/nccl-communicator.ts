import { hostname } from "node:os";
import { CommunicatorError, CommunicatorUnavailableError } from "@elastic-attention/core";
import type { Communicator } from "../communicator.js";
import { launchedLocalRank } from "../launcher.js";
import { loadNccl, type NcclAddon } from "./nccl-addon.js";

/**
 * Sums over GPUs. Another communicator, MPI as a rule, carries the rest: the name of the group, bytes and barriers, which
 * are small. Each rank needs a GPU of its own.
 */
export class NcclCommunicator implements Communicator {
  readonly name: string;
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(
    private readonly addon: NcclAddon,
    private readonly communicator: number,
    private readonly control: Communicator,
  ) {
    this.name = `NCCL over ${control.name}`;
  }

  /**
   * Opens a group over the ranks of `control`, which the new communicator closes with itself.
   *
   * @param device this rank's GPU; default: as the cuda backend chooses, its rank on the machine modulo the GPUs it sees.
   * @throws CommunicatorUnavailableError on every rank when one of them has no NCCL or shares its GPU
   */
  static async start(control: Communicator, device?: number): Promise<NcclCommunicator> {
    const own = attempt(loadNccl);
    const place = await claims(control, own, device);
    if (own instanceof Error) throw own;
    const id = await control.broadcast(control.rank === 0 ? own.uniqueId() : new Uint8Array(0), 0);
    return new NcclCommunicator(own, await own.open(id, control.rank, control.size, place), control);
  }

  get rank(): number {
    return this.control.rank;
  }

  get size(): number {
    return this.control.size;
  }

  barrier(): Promise<void> {
    return this.control.barrier();
  }

  broadcast(bytes: Uint8Array, root: number): Promise<Uint8Array> {
    return this.control.broadcast(bytes, root);
  }

  allReduceSum(values: Float32Array | Float64Array): Promise<void> {
    if (this.#closed) return Promise.reject(new CommunicatorError("The communicator was closed."));
    const result = this.#last.then(() => this.addon.allReduceSum(this.communicator, values));
    this.#last = result.catch(() => {});
    return result;
  }

  allGather(bytes: Uint8Array): Promise<Uint8Array[]> {
    return this.control.allGather(bytes);
  }

  abort(reason: unknown): never {
    return this.control.abort(reason);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#last;
    this.addon.close(this.communicator);
    await this.control.close();
  }
}

function attempt<Value>(load: () => Value): Value | CommunicatorUnavailableError {
  try {
    return load();
  } catch (error) {
    if (CommunicatorUnavailableError.isInstance(error)) return error;
    throw error;
  }
}

/** A rank's GPU, or why it has none. */
interface Claim {
  readonly gpu: string;
  readonly reason: string;
}

/**
 * Tells every rank what every other one has, so that none waits for a rank that cannot come.
 *
 * @returns this rank's GPU
 */
async function claims(control: Communicator, own: NcclAddon | CommunicatorUnavailableError, device: number | undefined): Promise<number> {
  const place = own instanceof Error ? -1 : (device ?? launchedLocalRank() % Math.max(1, own.deviceCount()));
  // Its address, not its number: ranks may see different GPUs.
  const claim: Claim = own instanceof Error ? { gpu: "", reason: own.reasons.join("; ") } : { gpu: `${hostname()} ${own.deviceAddress(place)}`, reason: "" };
  const all = (await control.allGather(new TextEncoder().encode(JSON.stringify(claim)))).map(
    (bytes) => JSON.parse(new TextDecoder().decode(bytes)) as Claim,
  );
  const reasons = all.flatMap(({ reason: why }, rank) => (why === "" ? [] : [`rank ${rank}: ${why}`]));
  const seen = new Map<string, number>();
  for (const [rank, { gpu, reason: why }] of all.entries()) {
    const other = seen.get(gpu);
    if (why === "" && other !== undefined) reasons.push(`ranks ${other} and ${rank} share the GPU ${gpu}, and each needs one of its own`);
    seen.set(gpu, rank);
  }
  if (reasons.length > 0) {
    throw new CommunicatorUnavailableError("NCCL", reasons, "Start one rank for each GPU, or let MPI carry the sums.");
  }
  return place;
}
