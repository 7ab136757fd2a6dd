import type { AttentionMode } from "../modes/attention-mode.js";
import { attentionModeDefinition } from "../modes/mode-registry.js";
import { promptPattern } from "../modes/prompt-rows.js";
import type { BlockPattern, Retention } from "../patterns/block-pattern.js";
import { fullPatterns, knownPatterns, type KnownPatterns } from "../patterns/head-patterns.js";

/** How decoding treats sparse heads: by their mode, or every head over the whole cache (the published behaviour). */
export type DecodePolicy = "routed" | "full";

export interface LayerModesOptions {
  readonly numKeyValueHeads: number;
  /** Default "routed". */
  readonly decode?: DecodePolicy;
  /** Modes that the model fixes for all heads of a layer, whatever the decode policy; undefined: a router decides. */
  readonly fixedModes?: readonly (AttentionMode | undefined)[];
  /** The mode of each key-value head of each layer, decided elsewhere: no router is asked then. */
  readonly modes?: readonly (readonly AttentionMode[] | undefined)[];
}

type HeadModes = readonly AttentionMode[];

/** What the heads of a sequence's layers were routed to, and what follows from it by the decode policy. */
export class LayerModes {
  readonly decode: DecodePolicy;
  /** Of layers whose prompt has been read. */
  readonly #settled = new Map<number, HeadModes>();
  /** Of layers that are yet to be read, or read again. */
  readonly #kept = new Map<number, HeadModes>();
  #choosesPages = false;

  constructor(private readonly options: LayerModesOptions) {
    this.decode = options.decode ?? "routed";
    for (const [layer, modes] of options.modes?.entries() ?? []) if (modes !== undefined) this.#kept.set(layer, modes);
  }

  /** The mode of each key-value head: as the model fixes it, or as decided at the first prefill; undefined before. */
  of(layer: number): HeadModes | undefined {
    const fixed = this.options.fixedModes?.[layer];
    if (fixed === undefined) return this.#settled.get(layer) ?? this.#kept.get(layer);
    return Array.from({ length: this.options.numKeyValueHeads }, () => fixed);
  }

  /** The modes of a layer once its prompt has been read. */
  settledOf(layer: number): HeadModes | undefined {
    return this.#settled.get(layer);
  }

  /** Remembers the modes of a layer, the first time. */
  settle(layer: number, modes: HeadModes | undefined): void {
    if (modes === undefined || this.#settled.has(layer)) return;
    this.#settled.set(layer, modes);
    this.#choosesPages ||= !this.keepsAll(layer) && modes.some((mode) => attentionModeDefinition(mode).pageTokens !== undefined);
  }

  /** Whether heads of a layer whose prompt has been read choose pages in a decode step. */
  get choosesPages(): boolean {
    return this.#choosesPages;
  }

  /** The layers are to be read again, under the same modes. */
  keep(numLayers: number): void {
    for (let layer = 0; layer < numLayers; layer++) {
      const modes = this.of(layer);
      if (modes !== undefined) this.#kept.set(layer, modes);
    }
    this.#settled.clear();
  }

  clear(): void {
    this.#settled.clear();
    this.#kept.clear();
  }

  /** Takes over what another sequence's layers were routed to. */
  copy(other: LayerModes): void {
    for (const [layer, modes] of other.#settled) this.settle(layer, modes);
    for (const [layer, modes] of other.#kept) this.#kept.set(layer, modes);
  }

  /** Whether the decode policy has all heads of a layer read everything. */
  keepsAll(layer: number): boolean {
    return this.decode === "full" && this.options.fixedModes?.[layer] === undefined;
  }

  /** Patterns of a layer's heads in a decode step; "selected" ones are chosen by the step's query. */
  decodePatterns(layer: number): KnownPatterns {
    return this.#patterns(layer, (mode) => attentionModeDefinition(mode).decodePattern(mode));
  }

  /** The same in the prompts of later turns. */
  laterPatterns(layer: number): KnownPatterns {
    return this.#patterns(layer, (mode) => promptPattern(mode, false));
  }

  /** What the heads keep: everything until the first prefill's attention has run. */
  retentions(layer: number): Retention[] {
    const modes = this.#settled.get(layer);
    return Array.from({ length: this.options.numKeyValueHeads }, (_, head) => {
      const mode = modes?.[head];
      if (mode === undefined || this.keepsAll(layer)) return { type: "all" } as const;
      return attentionModeDefinition(mode).retention(mode);
    });
  }

  #patterns(layer: number, patternOf: (mode: AttentionMode) => BlockPattern): KnownPatterns {
    const modes = this.of(layer);
    if (modes === undefined || this.keepsAll(layer)) return fullPatterns(this.options.numKeyValueHeads);
    return knownPatterns(modes.map(patternOf));
  }
}
