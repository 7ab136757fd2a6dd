import { type AttentionMode, type AttentionSequence, type BlockCount, patternOf } from "@elastic-attention/attention";
import type { RoutedHeads } from "./layer-routing.js";
import { blockSizeOf, VisitedBlockCount } from "./visited-block-count.js";

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

  /** @param gatherCounts makes the blocks of all ranks' heads of those of this rank's, [sequence][layer] */
  constructor(
    private readonly numQueryHeads: number,
    private readonly gatherCounts: (counts: readonly (readonly BlockCount[])[]) => readonly (readonly BlockCount[])[] = (counts) => counts,
  ) {}

  /**
   * Adds a layer when its attention has been issued and what it chose is still there. One entry for each sequence.
   *
   * @param own those of the heads that the sequences' patterns speak of, where other ranks have others
   */
  add(heads: readonly RoutedHeads[], sequences: readonly AttentionSequence[], own: readonly RoutedHeads[]): void {
    const blocks: VisitedBlockCount[] = [];
    this.#layers.push({ heads, blocks });
    for (const [index, sequence] of sequences.entries()) {
      // Of all heads, also of those that other ranks have.
      const unit = blockSizeOf(heads[index]!.modes.map(patternOf));
      blocks.push(new VisitedBlockCount(sequence, this.numQueryHeads, unit, own[index]!.modes));
    }
  }

  /** What a sequence's heads were routed to in a layer that has been added, as {@link SequenceRouting.assignment} has it. */
  assignmentOf(sequence: number, layer: number): readonly number[] {
    return this.#layers[layer]!.heads[sequence]!.assignment;
  }

  /** One for each sequence; waits for the device where blocks were chosen. */
  waitForRouting(): SequenceRouting[] {
    const first = this.#layers[0]?.heads ?? [];
    const blocks = first.map((_, sequence) => this.#layers.map((layer) => (layer.heads[sequence]!.assignment.length === 0 ? noBlocks : layer.blocks[sequence]!.wait())));
    const ofAll = this.gatherCounts(blocks);
    return first.map((_, sequence) => ({
      modes: this.#layers.map(({ heads }) => heads[sequence]!.modes),
      assignment: this.#layers.map(({ heads }) => heads[sequence]!.assignment),
      blocks: ofAll[sequence]!,
    }));
  }

  [Symbol.dispose](): void {
    for (const { blocks } of this.#layers.splice(0)) for (const count of blocks) count[Symbol.dispose]();
  }
}
