import { InvalidModeError } from "@elastic-attention/core";
import type { BlockMask, BlockPattern } from "../patterns/block-pattern.js";
import { widenToDenseRows } from "../patterns/dense-rows.js";
import type { AttentionMode } from "./attention-mode.js";
import { attentionModeDefinition, type SelectionContext } from "./mode-registry.js";
import { denseRowsOf } from "./prompt-rows.js";

/** The pattern of a mode's prefill. @throws InvalidModeError for a kind that is not registered */
export function patternOf(mode: AttentionMode): BlockPattern {
  return attentionModeDefinition(mode).pattern(mode);
}

/** The pattern that a router is trained with. @throws InvalidModeError for a kind that is not registered, and for an end that training does not know */
export function trainingPatternOf(mode: AttentionMode): BlockPattern {
  const definition = attentionModeDefinition(mode);
  if (denseRowsOf(mode) > 0) {
    throw new InvalidModeError(`${mode.kind}: denseRows is not implemented in training.`, "Train without it: the router's weights serve the mode with a dense end too.");
  }
  return definition.trainingPattern?.(mode) ?? definition.pattern(mode);
}

/**
 * The blocks that a mode chooses for the given heads of one sequence, for a mode that has a "selected" pattern; the caller
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
 * The blocks of one sequence whose heads read by these patterns: chosen for the heads whose pattern is "selected", undefined
 * where there is none. In a mode that chooses blocks of a prompt, dense rows read whole blocks. The caller disposes them.
 * @throws InvalidModeError where two of the modes choose blocks: a call takes one mask
 */
export function chooseBlocksOfHeads(
  modes: readonly AttentionMode[],
  patterns: readonly BlockPattern[],
  context: Omit<SelectionContext, "mode" | "keyValueHeads">,
): BlockMask | undefined {
  const keyValueHeads = patterns.flatMap(({ type }, head) => (type === "selected" ? [head] : []));
  if (keyValueHeads.length === 0) return undefined;
  const mode = modes[keyValueHeads[0]!]!;
  if (keyValueHeads.some((head) => JSON.stringify(modes[head]) !== JSON.stringify(mode))) {
    throw new InvalidModeError("One plan can hold one mode that selects blocks; this one holds several.");
  }
  const mask = chooseBlocks({ ...context, mode, keyValueHeads });
  try {
    if (patternOf(mode).type === "selected") widenToDenseRows(mask, keyValueHeads, context.cache, denseRowsOf(mode));
    return mask;
  } catch (error) {
    mask[Symbol.dispose]();
    throw error;
  }
}
