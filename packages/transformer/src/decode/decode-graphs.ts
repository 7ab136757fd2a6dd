import { MemoryScope } from "@elastic-attention/core";
import type { PagePool, StepSequence } from "@elastic-attention/attention";
import type { DecoderCore } from "../layer/forward-pass.js";
import { DecodeGraph, decodeGraphProblems, slotsFor } from "./decode-graph.js";

/** Slots up to which graphs without empty ones are made. */
const mostExactSlots = 16;

/** The decode graphs of one model: for each pool and number of slots, and on devices for drafts, made when a step asks for one. */
export class DecodeGraphs implements Disposable {
  readonly #graphs = new Map<PagePool, Map<string, DecodeGraph>>();
  readonly #scope = new MemoryScope();
  #pagesInGraphs: boolean | undefined;

  constructor(private readonly core: DecoderCore) {}

  /**
   * The graph for a step of sequences whose caches share a pool and hold a prompt each; undefined where none can be had.
   * @throws OutOfMemoryError
   */
  graphFor(sequences: readonly StepSequence[]): DecodeGraph | undefined {
    const { backend, dtype, spec, ranks, rankProblem } = this.core;
    const fillsSlots = backend.device.workSizes.emptyDecodeRows === false;
    // A sum through the host's memory cannot be recorded, as it is where the host computes.
    if (rankProblem !== undefined || (ranks !== undefined && fillsSlots)) return undefined;
    const pool = sequences[0]?.cache.pool;
    if (pool === undefined || sequences.some(({ cache }) => cache.pool !== pool || cache.length === 0)) return undefined;
    const rows = sequences.reduce((sum, { tokens }) => sum + tokens.length, 0);
    // Where empty slots cost as much as others there is a graph for each small number of tokens.
    const slots = fillsSlots && rows <= mostExactSlots ? rows : slotsFor(rows);
    if (slots !== rows && fillsSlots) return undefined;
    let graphs = this.#graphs.get(pool);
    if (graphs === undefined) {
      if (decodeGraphProblems(backend, pool, spec, dtype).length > 0) return undefined;
      this.#graphs.set(pool, (graphs = new Map<string, DecodeGraph>()));
    }
    const choosing = sequences.filter(({ cache }) => cache.choosesPages);
    // The bounds of a page that one token of a draft completes are not there yet for the next one.
    if (choosing.some(({ tokens }) => tokens.length > 1) || (choosing.length > 0 && !this.#choosesPages(pool))) return undefined;
    // On the host the order of keys is all that drafts change.
    const severalTokens = rows > sequences.length && !fillsSlots;
    const key = `${slots}${severalTokens ? " with drafts" : ""}`;
    const known = graphs.get(key);
    if (known !== undefined) return known;
    const graph = this.#scope.track(new DecodeGraph({ ...this.core, pool }, slots, severalTokens));
    graphs.set(key, graph);
    return graph;
  }

  /** Whether heads can choose pages in a graph. */
  #choosesPages(pool: PagePool): boolean {
    const { backend, dtype, spec } = this.core;
    return (this.#pagesInGraphs ??= decodeGraphProblems(backend, pool, spec, dtype, true).length === 0);
  }

  [Symbol.dispose](): void {
    this.#graphs.clear();
    this.#scope.dispose();
  }
}
