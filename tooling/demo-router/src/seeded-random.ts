import { counterUniform } from "@elastic-attention/training";

/** Random choices of one sample: the same seed and sample number give the same sample. */
export class SeededRandom {
  #drawn = 0;

  constructor(
    private readonly seed: number,
    private readonly sample: number,
  ) {}

  /** Uniform in [0, 1). */
  next(): number {
    return counterUniform(this.seed, this.sample, this.#drawn++);
  }

  /** A whole number from `low` to below `high`. */
  between(low: number, high: number): number {
    return low + Math.floor(this.next() * Math.max(1, high - low));
  }

  choice<Item>(items: readonly Item[]): Item {
    return items[this.between(0, items.length)]!;
  }

  /** One of several, by weight. */
  weighted<Item>(items: readonly (readonly [item: Item, weight: number])[]): Item {
    let rest = this.next() * items.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [item, weight] of items) if ((rest -= weight) < 0) return item;
    return items.at(-1)![0];
  }

  /** `count` different items. */
  pick<Item>(items: readonly Item[], count: number): Item[] {
    return this.shuffled(items).slice(0, count);
  }

  shuffled<Item>(items: readonly Item[]): Item[] {
    const order = [...items];
    for (let last = order.length - 1; last > 0; last--) {
      const other = this.between(0, last + 1);
      [order[last], order[other]] = [order[other]!, order[last]!];
    }
    return order;
  }
}
