import { MemoryScope, ShapeError } from "@elastic-attention/core";
import {
  type AttentionMode,
  type AttentionSequence,
  chooseBlocksOfHeads,
  type BlockPattern,
  type HeadPlan,
  knownPatterns,
  type KnownPatterns,
  type LayerCache,
  patternOf,
  promptEndOf,
  type PromptPart,
  promptParts,
  shortenedCache,
} from "@elastic-attention/attention";
import type { Tensor } from "@elastic-attention/tensor";
import { headShare } from "../parallel/head-share.js";
import type { PrefillPass } from "./prefill-pass.js";
import { wholeKeys } from "./whole-keys.js";

/** The plan of neighbours in the batch that share a router. */
interface SharedPlan {
  readonly firstSequence: number;
  readonly plan: HeadPlan;
}

/** What one sequence's heads did in one layer. */
export interface RoutedHeads {
  readonly modes: readonly AttentionMode[];
  /** Index of each head's mode in its plan: 0 is the retrieval mode. Empty in a layer whose mode the model fixes. */
  readonly assignment: readonly number[];
}

/**
 * Asks the routers for the modes of every sequence that has none yet; sequences that go on keep theirs. The answers may
 * still be computed when this returns.
 *
 * @param key [tokens, keyValueHeads, headDim] before RoPE; read when this returns, as is `query`
 */
export function startRouting(pass: PrefillPass, key: Tensor, query: Tensor, layer: number): LayerRouting {
  const { batch, backend, spec, routers } = pass;
  const { caches, offsets } = batch;
  using scope = new MemoryScope();
  const plans: SharedPlan[] = [];
  const share = headShare(pass, layer);
  const isNew = caches.map((cache) => cache.modes(layer) === undefined);
  for (let first = 0, end = 1; first < caches.length; first = end, end = first + 1) {
    const router = routers[first];
    if (!isNew[first] || router === undefined) continue;
    const input = { backend, layer, ...(share === undefined ? {} : { share }) };
    let plan: HeadPlan;
    if (caches[first]!.length > 0) {
      // Its beginning was read without a plan: the router is asked about all of it.
      using keys = wholeKeys(pass, caches[first]!, layer, key.rows(offsets[first]!, offsets[end]!));
      plan = scope.track(router.route({ ...input, keys, offsets: [0, keys.shape[0]!] }));
    } else {
      while (end < caches.length && isNew[end] && caches[end]!.length === 0 && routers[end] === router) end += 1;
      const [start, stop] = [offsets[first]!, offsets[end]!];
      const own = offsets.slice(first, end + 1).map((offset) => offset - start);
      plan = scope.track(router.route({ ...input, keys: key.rows(start, stop), queries: query.rows(start, stop), offsets: own }));
    }
    if (plan.numSequences !== end - first || plan.numKeyValueHeads !== spec.numKeyValueHeads) {
      throw new ShapeError(
        `Router "${router.name}" gave a plan of ${plan.numSequences} sequences with ${plan.numKeyValueHeads} heads; ` +
          `it was asked about ${end - first} with ${spec.numKeyValueHeads}.`,
      );
    }
    plans.push({ firstSequence: first, plan });
  }
  return new LayerRouting(pass, layer, plans, scope.move());
}

/** The routing of one layer until its attention has run; owns the plans and the blocks that were chosen. */
export class LayerRouting implements Disposable {
  constructor(
    private readonly pass: PrefillPass,
    private readonly layer: number,
    private readonly plans: readonly SharedPlan[],
    private readonly scope: MemoryScope,
  ) {}

  /**
   * The attention call's sequences. What a device decides stays there; other decisions are waited for, and nothing that
   * was issued after they were asked for. Modes that choose blocks choose them now, for the heads that are in them.
   */
  sequences(query: Tensor): AttentionSequence[] {
    const { caches, offsets } = this.pass.batch;
    this.#announce();
    return caches.map((cache, index) => {
      const [start, end] = [offsets[index]!, offsets[index + 1]!];
      const common = { start, length: end - start, cache: cache.layer(this.layer) };
      const routed = this.#planOf(index);
      if (routed === undefined) return this.#counted({ ...common, routing: cache.laterPatterns(this.layer) }, query);
      const decision = routed.plan.decisionOf(routed.row);
      return this.#counted({ ...common, routing: decision ?? this.#chooseAll(routed.plan.waitForModes(routed.row), query.rows(start, end), common.cache) }, query);
    });
  }

  /** Has the kernels count the tiles that heads with a threshold skip. */
  #counted(sequence: AttentionSequence, query: Tensor): AttentionSequence {
    const { routing } = sequence;
    const patterns = routing.type === "decision" ? routing.choices : routing.patterns;
    if (patterns.every(({ type }) => type !== "threshold")) return sequence;
    const heads = query.shape[1]!;
    return { ...sequence, tileCounts: this.scope.track(query.backend.upload(new Int32Array(2 * heads), [2, heads], "i32")) };
  }

  /**
   * The parts of an attention call that the sequences come down to: a prompt whose modes read its end by other patterns is cut
   * there. Heads that choose blocks for such an end choose them now.
   */
  parts(query: Tensor, sequences: readonly AttentionSequence[]): AttentionSequence[] {
    return sequences.flatMap((sequence, index) => {
      const isFirst = this.#planOf(index) !== undefined;
      const modes = this.#modesOf(index, sequence);
      if (modes.every((mode) => promptEndOf(mode, isFirst) === undefined)) return [sequence];
      return promptParts(modes, sequence.length, isFirst).map((part) => this.#part(query, sequence, index, part));
    });
  }

  /** The modes that a sequence's heads may be in; none where all of them keep and read everything. */
  #modesOf(index: number, { routing }: AttentionSequence): readonly AttentionMode[] {
    const routed = this.#planOf(index);
    if (routed === undefined) {
      const cache = this.pass.batch.caches[index]!;
      return cache.keepsAll(this.layer) ? [] : (cache.modes(this.layer) ?? []);
    }
    return routing.type === "decision" ? routed.plan.modes : routed.plan.waitForModes(routed.row);
  }

  #part(query: Tensor, sequence: AttentionSequence, index: number, { start, end, patternOf: patternIn }: PromptPart): AttentionSequence {
    const { cache, length, routing } = sequence;
    const modes = this.#modesOf(index, sequence);
    const seen = shortenedCache(cache, cache.length - length + end);
    const common = { ...sequence, start: sequence.start + start, length: end - start, cache: seen };
    const patterns = modes.map(patternIn);
    if (routing.type === "decision" && patterns.every(({ type }) => type !== "selected")) return { ...common, routing: { ...routing, choices: patterns } };
    const heads = routing.type === "decision" ? this.#planOf(index)!.plan.waitForModes(this.#planOf(index)!.row) : modes;
    return { ...common, routing: this.#choose(heads, heads.map(patternIn), query.rows(common.start, common.start + common.length), seen) };
  }

  /** The same, decisions on a device waited for. */
  waitForSequences(sequences: readonly AttentionSequence[]): AttentionSequence[] {
    return sequences.map((sequence, index) => {
      if (sequence.routing.type === "patterns") return sequence;
      const { plan, row } = this.#planOf(index)!;
      return { ...sequence, routing: knownPatterns(plan.waitForModes(row).map(patternOf)) };
    });
  }

  /** What each sequence's heads were routed to; waits for the decisions. */
  waitForHeads(): RoutedHeads[] {
    const { batch, spec } = this.pass;
    return batch.caches.map((cache, index) => {
      const routed = this.#planOf(index);
      const heads = Array.from({ length: spec.numKeyValueHeads }, (_, head) => head);
      if (routed === undefined) {
        const modes = cache.modes(this.layer) ?? heads.map(() => ({ kind: "full" }));
        return { modes, assignment: spec.layers[this.layer]!.window === undefined ? heads.map(() => 0) : [] };
      }
      const { plan, row } = routed;
      const assignment = plan.waitForAssignment();
      return { modes: plan.waitForModes(row), assignment: heads.map((head) => assignment[row * heads.length + head]!) };
    });
  }

  [Symbol.dispose](): void {
    this.scope.dispose();
  }

  /** Whoever observes is told of every plan before the attention, and so waits for it. */
  #announce(): void {
    const { layer } = this;
    const { observer } = this.pass;
    if (observer === undefined) return;
    for (const { firstSequence, plan } of this.plans) {
      plan.waitForAssignment();
      observer.afterRoute?.({ layer, firstSequence, plan });
    }
  }

  /** The plan that speaks of a sequence, and its row there; undefined where the cache says what its heads do. */
  #planOf(sequence: number): { readonly plan: HeadPlan; readonly row: number } | undefined {
    const shared = this.plans.find(({ firstSequence, plan }) => sequence >= firstSequence && sequence < firstSequence + plan.numSequences);
    return shared === undefined ? undefined : { plan: shared.plan, row: sequence - shared.firstSequence };
  }

  #chooseAll(modes: readonly AttentionMode[], query: Tensor, cache: LayerCache): KnownPatterns {
    return this.#choose(modes, modes.map(patternOf), query, cache);
  }

  #choose(modes: readonly AttentionMode[], patterns: readonly BlockPattern[], query: Tensor, cache: LayerCache): KnownPatterns {
    const { layer } = this;
    const { attentionScale: scale, attentionSoftCap: softCap } = this.pass.spec;
    const mask = chooseBlocksOfHeads(modes, patterns, { layer, query, cache, scale, softCap });
    return knownPatterns(patterns, mask === undefined ? undefined : this.scope.track(mask));
  }
}
