import { InvalidModeError } from "@elastic-attention/core";
import type { Tensor } from "@elastic-attention/tensor";
import type { LayerCache } from "../cache/layer-cache.js";
import type { AttentionMode } from "./attention-mode.js";
import type { BlockMask, BlockPattern, Retention } from "../patterns/block-pattern.js";

/** Sizes that a model gives its modes, in tokens; `threshold` is a share. */
export interface ModeSizes {
  readonly sinkTokens: number;
  readonly localTokens: number;
  readonly blockSize: number;
  readonly stride: number;
  readonly threshold: number;
}

/** What a mode may look at when it selects blocks for one sequence at prefill. */
export interface SelectionContext<M extends AttentionMode = AttentionMode> {
  readonly mode: M;
  /** Index of the layer, from 0. */
  readonly layer: number;
  /** [tokens, numQueryHeads, headDim], rotated. */
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

/** Everything the system must know of a kind of mode. Add a mode by registering one of these. */
export interface AttentionModeDefinition<M extends AttentionMode = AttentionMode> {
  readonly kind: M["kind"];
  /** Short name for reports: FA, SSA, XA. */
  readonly label: string;
  /** Checks settings that come from outside. @throws InvalidModeError */
  validate(mode: M): void;
  /** The pattern of a prefill. */
  pattern(mode: M): BlockPattern;
  /** The pattern of a decode step and of later turns; a mode that selects blocks at prefill only decodes "full". */
  decodePattern(mode: M): BlockPattern;
  retention(mode: M): Retention;
  /** The mode at a model's sizes, for callers who ask for it by name; a mode without it cannot be named. */
  atSizes?(sizes: ModeSizes): M;
  /** Chooses the blocks of a "selected" pattern. Required exactly when `pattern` is of that type. */
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
}

/** The modes that can be asked for by name, at a model's sizes, in order of registration. */
export function namedAttentionModes(sizes: ModeSizes): readonly NamedAttentionMode[] {
  return [...definitions.values()].flatMap((definition) => {
    const mode = definition.atSizes?.(sizes) as AttentionMode | undefined;
    return mode === undefined ? [] : [{ kind: mode.kind, label: definition.label, mode }];
  });
}
