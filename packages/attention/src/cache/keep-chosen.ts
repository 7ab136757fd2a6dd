import type { Tensor } from "@elastic-attention/tensor";
import { attentionModeDefinition } from "../modes/mode-registry.js";
import type { AttentionMode } from "../modes/attention-mode.js";
import type { AttentionScores } from "../operations/attention-scores.js";
import type { SequenceCache } from "./sequence-cache.js";

/** Tokens that one head keeps in the slots from `first` on. */
export interface KeptTokens {
  readonly first: number;
  /** Positions, ascending, none before `first`. */
  readonly positions: Int32Array;
}

/**
 * Has the heads of a layer keep the tokens that their modes choose by the prompt's last rows: after the layer's attention and
 * before it is settled. A later turn keeps what the first one chose.
 *
 * @param query [tokens, numQueryHeads, headDim] of the prompt, rotated
 * @throws OutOfMemoryError
 */
export function keepChosen(cache: SequenceCache, layer: number, modes: readonly AttentionMode[], query: Tensor, { scale, softCap }: Pick<AttentionScores, "scale" | "softCap">): void {
  const storage = cache.layer(layer);
  if (cache.keepsAll(layer) || storage.length !== query.shape[0]) return;
  const headsOfModes = new Map<string, number[]>();
  for (const [head, mode] of modes.entries()) {
    const key = JSON.stringify(mode);
    headsOfModes.set(key, [...(headsOfModes.get(key) ?? []), head]);
  }
  const kept: (KeptTokens | undefined)[] = modes.map(() => undefined);
  for (const keyValueHeads of headsOfModes.values()) {
    const mode = modes[keyValueHeads[0]!]!;
    const chosen = attentionModeDefinition(mode).keep?.({ mode, layer, query, cache: storage, keyValueHeads, scale, softCap });
    for (const [index, head] of keyValueHeads.entries()) if (chosen !== undefined) kept[head] = { first: chosen.first, positions: chosen.tokens[index]! };
  }
  if (kept.some((each) => each !== undefined)) cache.keepTokens(layer, kept);
}
