import { InvalidModeError } from "@elastic-attention/core";
import type { Tensor } from "@elastic-attention/tensor";
import type { LayerCache } from "../cache/layer-cache.js";
import type { AttentionMode } from "./attention-mode.js";
import type { BlockMask, BlockPattern, Retention } from "../patterns/block-pattern.js";
import type { ModeSettings } from "./mode-settings.js";
import type { PromptEnd } from "./prompt-rows.js";

/** Sizes that a model gives its modes, in tokens; `threshold` is a share. */
export interface ModeSizes {
  readonly sinkTokens: number;
  readonly localTokens: number;
  readonly blockSize: number;
  readonly stride: number;
  readonly threshold: number;
  /** Settings that the mode's name carries; those of `AttentionModeDefinition.settings`. */
  readonly settings?: ModeSettings;
}

/** What a mode may look at when it selects blocks for one sequence. */
export interface SelectionContext<M extends AttentionMode = AttentionMode> {
  readonly mode: M;
  /** Index of the layer, from 0. */
  readonly layer: number;
  /** [tokens, numQueryHeads, headDim], rotated: the last of the cache's positions, all of them in a prefill. */
  readonly query: Tensor;
  /** Holds the keys of these tokens already (rotated); `length` = number of keys. */
  readonly cache: LayerCache;
  /** Key-value heads of this sequence that the plan sends to this mode; the others need no work. */
  readonly keyValueHeads: readonly number[];
  /** Multiplies q · k. */
  readonly scale: number;
  /** Bounds the scaled scores: cap · tanh(score / cap); undefined where nothing does. */
  readonly softCap?: number | undefined;
}

/** What a mode may look at when a head chooses the tokens that it keeps after a prompt; the queries are all of the prompt's. */
export type KeepContext<M extends AttentionMode = AttentionMode> = SelectionContext<M>;

/** Everything the system must know of a kind of mode. Add a mode by registering one of these. */
export interface AttentionModeDefinition<M extends AttentionMode = AttentionMode> {
  readonly kind: M["kind"];
  /** Short name for reports: FA, SSA, XA. */
  readonly label: string;
  /** Checks settings that come from outside. @throws InvalidModeError */
  validate(mode: M): void;
  /** The pattern of a prefill. */
  pattern(mode: M): BlockPattern;
  /**
   * The pattern of a decode step; a mode that selects blocks at prefill only decodes "full". A "selected" one is chosen anew in
   * every step.
   */
  decodePattern(mode: M): BlockPattern;
  /** The pattern of the prompts of later turns, never "selected". Default that of a decode step. */
  laterPattern?(mode: M): BlockPattern;
  /** The pattern that a router is trained with, where a prefill's says nothing of what decoding reads. Default that of a prefill. */
  trainingPattern?(mode: M): BlockPattern;
  /** Last rows of a prompt that are read by another pattern. */
  promptEnd?(mode: M): PromptEnd | undefined;
  /** Tokens of the pages whose bounds a head's cache keeps for `select`; missing: none. */
  pageTokens?(mode: M): number;
  retention(mode: M): Retention;
  /**
   * Chooses the tokens that heads keep in the slots from `first` on, which are a part of the retention's sink: ascending
   * positions for each of the heads, none before `first` and none that the next token's window reaches. Undefined: the first
   * tokens stay.
   */
  keep?(context: KeepContext<M>): { readonly first: number; readonly tokens: readonly Int32Array[] } | undefined;
  /** Settings that the mode's name may carry, as `atSizes` reads them: `fa-pages:budget=512`. */
  readonly settings?: readonly string[];
  /** The mode at a model's sizes, for callers who ask for it by name; a mode without it cannot be named. */
  atSizes?(sizes: ModeSizes): M;
  /** Chooses the blocks of a "selected" pattern. Required exactly when one of the patterns is of that type. */
  select?(context: SelectionContext<M>): BlockMask;
}

const definitions = new Map<string, AttentionModeDefinition<never>>();

/** Makes a kind of mode known. A second registration of a kind replaces the first. */
export function registerAttentionMode<M extends AttentionMode>(definition: AttentionModeDefinition<M>): void {
  definitions.set(definition.kind, definition as unknown as AttentionModeDefinition<never>);
}

/** The definition of a mode's kind. @throws InvalidModeError naming the kinds that are known. */
export function attentionModeDefinition<M extends AttentionMode>(mode: M): AttentionModeDefinition<M> {
  const definition = definitions.get(mode.kind);
  if (definition === undefined) {
    throw new InvalidModeError(
      `Unknown attention mode "${mode.kind}"; known: ${[...definitions.keys()].join(", ")}.`,
      "Register it with registerAttentionMode() before the plan is used.",
    );
  }
  return definition as unknown as AttentionModeDefinition<M>;
}

/** Kinds that are known, in order of registration. */
export function registeredAttentionModes(): readonly string[] {
  return [...definitions.keys()];
}

/** A mode that can be asked for by its kind or its label. */
export interface NamedAttentionMode {
  readonly kind: string;
  readonly label: string;
  readonly mode: AttentionMode;
  /** Settings that its name may carry. */
  readonly settings: readonly string[];
}

/** The modes that can be asked for by name, at a model's sizes, in order of registration. */
export function namedAttentionModes(sizes: ModeSizes): readonly NamedAttentionMode[] {
  return [...definitions.values()].flatMap((definition) => {
    const mode = definition.atSizes?.(sizes) as AttentionMode | undefined;
    return mode === undefined ? [] : [{ kind: mode.kind, label: definition.label, mode, settings: definition.settings ?? [] }];
  });
}
