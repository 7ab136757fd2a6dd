import { InvalidModeError, MemoryScope } from "@elastic-attention/core";
import {
  attentionModeDefinition,
  type AttentionMode,
  type AttentionSequence,
  type BlockMask,
  type BlockPattern,
  type HeadPlan,
  mostPatternChoices,
  type PatternDecision,
  type SequenceCache,
} from "@elastic-attention/attention";
import type { Tensor } from "@elastic-attention/tensor";
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

/** The plan of neighbours in the batch that share a router. */
interface SharedPlan {
  readonly first: number;
  /** One past the last sequence. */
  readonly end: number;
  readonly plan: HeadPlan;
  /** What its modes read, where a kernel can take the assignment from the device and choose among these. */
  readonly choices: readonly BlockPattern[] | undefined;
}

/**
 * Asks the routers for the modes of every sequence that has none yet; sequences that go on keep theirs. The answers may
 * still be computed: {@link LayerRouting.select} waits for them, so what does not depend on them is issued before.
 *
 * @param key [tokens, keyValueHeads, headDim] before RoPE; read when this returns
 * @param pending owns what outlives the layer
 */
export function startRouting(context: PrefillContext, key: Tensor, layer: number, pending: MemoryScope): LayerRouting {
  const { batch, backend } = context;
  using scope = new MemoryScope();
  const plans: SharedPlan[] = [];
  const isNew = batch.caches.map((cache) => cache.modes(layer) === undefined);
  for (let first = 0, end = 1; first < batch.caches.length; first = end, end = first + 1) {
    const router = batch.routers[first];
    if (!isNew[first] || router === undefined) continue;
    while (end < batch.caches.length && isNew[end] && batch.routers[end] === router) end += 1;
    const [start, stop] = [batch.offsets[first]!, batch.offsets[end]!];
    const offsets = batch.offsets.slice(first, end + 1).map((offset) => offset - start);
    const plan = scope.track(router.route({ backend, layer, keys: key.rows(start, stop), offsets }));
    // Whoever observes is told of a plan before its attention.
    plans.push({ first, end, plan, choices: context.observer === undefined ? choicesOf(plan) : undefined });
  }
  return new LayerRouting(context, layer, plans, scope.move(), pending);
}

/** Undefined where the device does not know the assignment, or a mode chooses blocks by itself. */
function choicesOf({ issuedAssignment, modes }: HeadPlan): readonly BlockPattern[] | undefined {
  if (issuedAssignment === undefined || modes.length > mostPatternChoices) return undefined;
  const patterns = modes.map((mode) => attentionModeDefinition(mode).pattern(mode));
  return patterns.some(({ type }) => type === "selected") ? undefined : patterns;
}

const full: AttentionMode = { kind: "full" };

/** A sequence whose patterns are known to the device first, and to the host when it asks. */
function undecidedSequence(
  common: Omit<AttentionSequence, "patterns" | "decision">,
  decision: PatternDecision,
  known: () => readonly BlockPattern[],
): AttentionSequence {
  return {
    ...common,
    decision,
    get patterns() {
      return known();
    },
  };
}

/** The routing of one layer until its attention has run; owns the plans and the block masks. */
export class LayerRouting implements Disposable {
  readonly #masks = new MemoryScope();
  readonly #modes: (readonly AttentionMode[] | undefined)[];
  readonly #assignment: number[][];
  #sequences: readonly AttentionSequence[] = [];
  #decided = false;

  constructor(
    private readonly context: PrefillContext,
    private readonly layer: number,
    private readonly plans: readonly SharedPlan[],
    /** Owns the plans. */
    private readonly undecided: MemoryScope,
    /** Owns the counts, which outlive the layer. */
    private readonly pending: MemoryScope,
  ) {
    const { batch, spec } = context;
    this.#modes = batch.caches.map((cache) => cache.modes(layer));
    this.#assignment = batch.caches.map(() => Array.from({ length: spec.numKeyValueHeads }, () => 0));
  }

  /**
   * The attention call's sequences. A decision that the device makes is left there, for a kernel that takes it; others are
   * waited for, and nothing that was issued after they were asked for. Modes that choose blocks choose them now, for the
   * heads that were routed to them.
   */
  select(query: Tensor, scale: number): readonly AttentionSequence[] {
    const { batch } = this.context;
    this.#sequences = batch.caches.map((cache, index) => {
      const [start, end] = [batch.offsets[index]!, batch.offsets[index + 1]!];
      const common = { start, length: end - start, cache: cache.layer(this.layer) };
      const decision = this.#decisionOf(index);
      if (decision !== undefined) return undecidedSequence(common, decision, () => this.#knownPatterns(cache, index));
      const patterns = this.#knownPatterns(cache, index);
      const mask = this.#selection(query.rows(start, end), cache, index, patterns, scale);
      return { ...common, patterns, ...(mask === undefined ? {} : { mask }) };
    });
    return this.#sequences;
  }

  /** Call when the attention is issued; the modes are then what the caches settle by. Waits for the decisions. */
  result(): RoutingResult {
    this.#decide();
    const { numKeyValueHeads, numQueryHeads } = this.context.spec;
    const modes = this.#modes.map((row) => row ?? Array.from({ length: numKeyValueHeads }, () => full));
    const blocks = this.#sequences.map(({ patterns, cache, mask }) => this.pending.track(new PendingBlockCount(patterns, cache.length, numQueryHeads, mask)));
    return { modes, assignment: this.#assignment, blocks };
  }

  [Symbol.dispose](): void {
    this.#masks.dispose();
    this.undecided.dispose();
  }

  /** What the device decides for a sequence, while the host does not know it and a kernel can be told so. */
  #decisionOf(sequence: number): PatternDecision | undefined {
    if (this.#decided || this.context.batch.caches[sequence]!.length > 0) return undefined;
    const shared = this.plans.find(({ first, end }) => sequence >= first && sequence < end);
    if (shared?.choices === undefined) return undefined;
    return { assignment: shared.plan.assignment, row: sequence - shared.first, choices: shared.choices };
  }

  #decide(): void {
    if (this.#decided) return;
    this.#decided = true;
    const { observer } = this.context;
    for (const { first, end, plan } of this.plans) {
      const assignment = plan.hostAssignment();
      observer?.afterRoute?.({ layer: this.layer, firstSequence: first, plan });
      for (let sequence = first; sequence < end; sequence++) {
        const start = (sequence - first) * plan.numKeyValueHeads;
        const row = Array.from(assignment.subarray(start, start + plan.numKeyValueHeads));
        this.#modes[sequence] = row.map((index) => plan.modes[index]!);
        this.#assignment[sequence] = row;
      }
    }
  }

  #knownPatterns(cache: SequenceCache, index: number): readonly BlockPattern[] {
    this.#decide();
    const isNew = cache.length === 0;
    const modes = this.#modes[index];
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
    const chosen = keyValueHeads.map((head) => this.#modes[index]![head]!);
    const mode = chosen[0]!;
    if (chosen.some((other) => JSON.stringify(other) !== JSON.stringify(mode))) {
      throw new InvalidModeError("One plan can hold one mode that selects blocks; this one holds several.");
    }
    const definition = attentionModeDefinition(mode);
    if (definition.select === undefined) throw new InvalidModeError(`Mode "${mode.kind}" has a "selected" pattern but no select().`);
    return this.#masks.track(
      definition.select({ mode, layer: this.layer, query, cache: cache.layer(this.layer), keyValueHeads, scale }),
    );
  }
}
