import { CacheSnapshot, freeSnapshots } from "./cache-snapshot.js";
import type { HeadSnapshot } from "./pages/head-snapshot.js";
import type { PagedLayer } from "./pages/paged-layer.js";
import type { PagePool } from "./pages/page-pool.js";
import type { Retention } from "../patterns/block-pattern.js";
import type { AttentionMode } from "../modes/attention-mode.js";

/**
 * Snapshots of a sequence at lengths that it passes in one prefill, taken layer by layer: after a layer's attention, before its
 * heads drop what their modes do not need.
 */
export class Checkpoints implements Disposable {
  /** By length: the layers so far; undefined once one of them could not be taken. */
  readonly #taken = new Map<number, HeadSnapshot[][] | undefined>();

  /** @param lengths whole numbers of pages, none of which the sequence has passed yet */
  constructor(
    private readonly pool: PagePool,
    private readonly lengths: readonly number[],
  ) {}

  /** Takes what a layer holds; layers come in order. */
  take(layer: PagedLayer, index: number, retentions: readonly Retention[]): void {
    for (const length of this.lengths) {
      if (length > layer.length) continue;
      if (!this.#taken.has(length) && index === 0) this.#taken.set(length, []);
      const layers = this.#taken.get(length);
      // A layer that comes again belongs to a later part of the prompt.
      if (layers?.length !== index) continue;
      const heads = layer.snapshotAt(length, retentions);
      if (heads !== undefined) {
        layers.push(heads);
        continue;
      }
      this.#taken.set(length, undefined);
      freeSnapshots(this.pool, layers);
    }
  }

  /** Those of all layers; they are the caller's. @param modesOf of a layer */
  finish(numLayers: number, modesOf: (layer: number) => readonly AttentionMode[] | undefined): CacheSnapshot[] {
    const whole: CacheSnapshot[] = [];
    for (const [length, layers] of this.#taken) {
      if (layers?.length !== numLayers) continue;
      whole.push(new CacheSnapshot(this.pool, length, layers.map((heads, layer) => ({ heads, modes: modesOf(layer) }))));
      this.#taken.delete(length);
    }
    this[Symbol.dispose]();
    return whole;
  }

  [Symbol.dispose](): void {
    const left = [...this.#taken.values()].flatMap((layers) => layers ?? []);
    this.#taken.clear();
    if (left.length > 0) freeSnapshots(this.pool, left);
  }
}
