import type { Storage, Tensor } from "../tensor.js";
import type { GradientStore } from "./gradient-store.js";
import { overlap, type Region, subtract } from "./region.js";

interface Write {
  readonly region: Region;
  readonly time: number;
}

/** When which elements were written, so that a value that a gradient needs is never read after it changed. */
export class WriteLog {
  readonly #writes = new WeakMap<Storage, Write[]>();
  #time = 0;

  constructor(private readonly store: GradientStore) {}

  /** Of the last step. */
  get time(): number {
    return this.#time;
  }

  /** Counts the writes of one step; returns its time. */
  write(tensors: readonly Tensor[]): number {
    this.#time += 1;
    for (const tensor of tensors) {
      const region = this.store.region(tensor);
      const before = this.#writes.get(tensor.storage) ?? [];
      const rest = before.flatMap((write) => subtract(write.region, region).map((piece) => ({ region: piece, time: write.time })));
      this.#writes.set(tensor.storage, [...rest, { region, time: this.#time }]);
    }
    return this.#time;
  }

  /** Whether any element of the tensor was written after a step. */
  writtenAfter(tensor: Tensor, time: number): boolean {
    const region = this.store.region(tensor);
    return (this.#writes.get(tensor.storage) ?? []).some((write) => write.time > time && overlap(write.region, region));
  }
}
