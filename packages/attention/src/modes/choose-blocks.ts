import { InvalidModeError } from "@elastic-attention/core";
import type { BlockMask, BlockPattern } from "../patterns/block-pattern.js";
import type { AttentionMode } from "./attention-mode.js";
import { attentionModeDefinition, type SelectionContext } from "./mode-registry.js";

/** The pattern of a mode's prefill. @throws InvalidModeError for a kind that is not registered */
export function patternOf(mode: AttentionMode): BlockPattern {
  return attentionModeDefinition(mode).pattern(mode);
}

/**
 * The blocks that a mode chooses for the given heads of one sequence, for a mode whose pattern is "selected"; the caller
 * disposes them.
 * @throws InvalidModeError for a mode that cannot choose
 */
export function chooseBlocks(context: SelectionContext): BlockMask {
  const { mode } = context;
  const definition = attentionModeDefinition(mode);
  if (definition.select === undefined) throw new InvalidModeError(`Mode "${mode.kind}" has a "selected" pattern but no select().`);
  return definition.select(context);
}

/**
 * The blocks of one sequence whose heads are in these modes: chosen for the heads whose pattern is "selected", undefined
 * where there is none. The caller disposes them.
 * @throws InvalidModeError where two of the modes choose blocks: a call takes one mask
 */
export function chooseBlocksOfHeads(modes: readonly AttentionMode[], context: Omit<SelectionContext, "mode" | "keyValueHeads">): BlockMask | undefined {
  const keyValueHeads = modes.flatMap((mode, head) => (patternOf(mode).type === "selected" ? [head] : []));
  if (keyValueHeads.length === 0) return undefined;
  const mode = modes[keyValueHeads[0]!]!;
  if (keyValueHeads.some((head) => JSON.stringify(modes[head]) !== JSON.stringify(mode))) {
    throw new InvalidModeError("One plan can hold one mode that selects blocks; this one holds several.");
  }
  return chooseBlocks({ ...context, mode, keyValueHeads });
}
