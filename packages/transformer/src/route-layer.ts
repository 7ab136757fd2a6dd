import {
  attentionModeDefinition,
  type AttentionMode,
  type AttentionSequence,
  type BlockMask,
  type BlockPattern,
  InvalidModeError,
  type SequenceCache,
} from "@elastic-attention/attention";
import { MemoryScope, type Tensor } from "@elastic-attention/tensor";
import { PendingBlockCount } from "./pending-block-count.js";
import type { PrefillContext } from "./prefill-layer.js";

/** What routing did in one layer of a prefill, one entry for each sequence. */
export interface RoutingResult {
  readonly modes: readonly (readonly AttentionMode[])[];
  /** Index of each head's mode in its plan: 0 is the retrieval mode. */
  readonly assignment: readonly (readonly number[])[];
  /** Counted when asked for: what was selected is still on the device. */
  readonly blocks: readonly PendingBlockCount[];
}

/** Decides the modes of every sequence that has none yet; sequences that go on keep theirs. */
export function routeLayer(context: PrefillContext, key: Tensor, layer: number, pending: MemoryScope): LayerRouting {
  const { batch, spec, backend, observer } = context;
  const modes: (readonly AttentionMode[] | undefined)[] = batch.caches.map((cache) => cache.modes(layer));
  const assignment: number[][] = batch.caches.map(() => Array.from({ length: spec.numKeyValueHeads }, () => 0));
  for (let first = 0; first < batch.caches.length; ) {
    let end = first + 1;
    const router = batch.routers[first];
    const isNew = modes[first] === undefined;
    const joins = (index: number) => isNew && batch.routers[index] === router && modes[index] === undefined;
    while (end < batch.caches.length && joins(end)) end += 1;
    if (isNew && router !== undefined) {
      const [start, stop] = [batch.offsets[first]!, batch.offsets[end]!];
      const offsets = batch.offsets.slice(first, end + 1).map((offset) => offset - start);
      using plan = router.route({ backend, layer, keys: key.rows(start, stop), offsets });
      observer?.afterRoute?.({ layer, firstSequence: first, plan });
      for (let sequence = first; sequence < end; sequence++) {
        const heads = Array.from({ length: spec.numKeyValueHeads }, (_, head) => head);
        modes[sequence] = heads.map((head) => plan.modeOf(sequence - first, head));
        assignment[sequence] = heads.map((head) => plan.hostAssignment()[(sequence - first) * heads.length + head]!);
      }
    }
    first = end;
  }
  return new LayerRouting(context, layer, modes, assignment, pending);
}

const full: AttentionMode = { kind: "full" };

/** The routing of one layer while its attention runs; owns the block masks. */
export class LayerRouting implements Disposable {
  readonly #scope = new MemoryScope();
  #blocks: readonly PendingBlockCount[] = [];

  constructor(
    private readonly context: PrefillContext,
    private readonly layer: number,
    private readonly modes: readonly (readonly AttentionMode[] | undefined)[],
    private readonly assignment: readonly (readonly number[])[],
    /** Owns the counts, which outlive the layer. */
    private readonly pending: MemoryScope,
  ) {}

  /** The attention call's sequences; modes that choose blocks choose them now, for the heads that were routed to them. */
  select(query: Tensor, scale: number): AttentionSequence[] {
    const { batch } = this.context;
    const blocks: PendingBlockCount[] = [];
    const sequences = batch.caches.map((cache, index) => {
      const [start, end] = [batch.offsets[index]!, batch.offsets[index + 1]!];
      const patterns = this.#patterns(cache, index);
      const selection = this.#selection(query.rows(start, end), cache, index, patterns, scale);
      blocks.push(this.pending.track(new PendingBlockCount(patterns, cache.layer(this.layer).length, query.shape[1]!, selection)));
      const mask = selection === undefined ? {} : { mask: selection };
      return { start, length: end - start, cache: cache.layer(this.layer), patterns, ...mask };
    });
    this.#blocks = blocks;
    return sequences;
  }

  /** Call after the attention; the modes are then what the caches settle by. */
  result(): RoutingResult {
    const modes = this.modes.map((row) => row ?? Array.from({ length: this.context.spec.numKeyValueHeads }, () => full));
    return { modes, assignment: this.assignment, blocks: this.#blocks };
  }

  [Symbol.dispose](): void {
    this.#scope.dispose();
  }

  #patterns(cache: SequenceCache, index: number): readonly BlockPattern[] {
    const isNew = cache.length === 0;
    const modes = this.modes[index];
    if (!isNew || modes === undefined) return cache.decodePatterns(this.layer);
    return modes.map((mode) => attentionModeDefinition(mode).pattern(mode));
  }

  #selection(
    query: Tensor,
    cache: SequenceCache,
    index: number,
    patterns: readonly BlockPattern[],
    scale: number,
  ): BlockMask | undefined {
    const keyValueHeads = patterns.flatMap((pattern, head) => (pattern.type === "selected" ? [head] : []));
    if (keyValueHeads.length === 0) return undefined;
    const chosen = keyValueHeads.map((head) => this.modes[index]![head]!);
    const mode = chosen[0]!;
    if (chosen.some((other) => JSON.stringify(other) !== JSON.stringify(mode))) {
      throw new InvalidModeError("One plan can hold one mode that selects blocks; this one holds several.");
    }
    const definition = attentionModeDefinition(mode);
    if (definition.select === undefined) throw new InvalidModeError(`Mode "${mode.kind}" has a "selected" pattern but no select().`);
    return this.#scope.track(
      definition.select({ mode, layer: this.layer, query, cache: cache.layer(this.layer), keyValueHeads, scale }),
    );
  }
}
