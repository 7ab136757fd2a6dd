import type { AttentionMode, AttentionSequence, BlockCount } from "@elastic-attention/attention";
import type { RoutedHeads } from "./layer-routing.js";
import { VisitedBlockCount } from "./visited-block-count.js";

/** Routing of one sequence over all layers. */
export interface SequenceRouting {
  /** [layer][kvHead]. */
  readonly modes: readonly (readonly AttentionMode[])[];
  /** [layer][kvHead]: 0 is the retrieval mode. Empty in layers with a sliding window, about which no router is asked. */
  readonly assignment: readonly (readonly number[])[];
  /** One for each layer, summed over heads; none where the model fixes what is visited. */
  readonly blocks: readonly BlockCount[];
}

const noBlocks: BlockCount = { visited: 0, causal: 0 };

/** What a prefill reports of its routing, taken down layer by layer. */
export class RoutingRecord implements Disposable {
  readonly #layers: { readonly heads: readonly RoutedHeads[]; readonly blocks: readonly VisitedBlockCount[] }[] = [];

  constructor(private readonly numQueryHeads: number) {}

  /** Adds a layer when its attention has been issued and what it chose is still there. One entry for each sequence. */
  add(heads: readonly RoutedHeads[], sequences: readonly AttentionSequence[]): void {
    const blocks: VisitedBlockCount[] = [];
    this.#layers.push({ heads, blocks });
    for (const [index, { cache, routing }] of sequences.entries()) {
      blocks.push(new VisitedBlockCount(routing, cache.length, this.numQueryHeads, heads[index]!.modes));
    }
  }

  /** What a sequence's heads were routed to in a layer that has been added, as {@link SequenceRouting.assignment} has it. */
  assignmentOf(sequence: number, layer: number): readonly number[] {
    return this.#layers[layer]!.heads[sequence]!.assignment;
  }

  /** One for each sequence; waits for the device where blocks were chosen. */
  waitForRouting(): SequenceRouting[] {
    const first = this.#layers[0]?.heads ?? [];
    return first.map((_, sequence) => ({
      modes: this.#layers.map(({ heads }) => heads[sequence]!.modes),
      assignment: this.#layers.map(({ heads }) => heads[sequence]!.assignment),
      blocks: this.#layers.map(({ heads, blocks }) => (heads[sequence]!.assignment.length === 0 ? noBlocks : blocks[sequence]!.wait())),
    }));
  }

  [Symbol.dispose](): void {
    for (const { blocks } of this.#layers.splice(0)) for (const count of blocks) count[Symbol.dispose]();
  }
}
