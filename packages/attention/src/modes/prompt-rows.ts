import { InvalidModeError } from "@elastic-attention/core";
import type { BlockPattern } from "../patterns/block-pattern.js";
import type { AttentionMode } from "./attention-mode.js";
import { attentionModeDefinition } from "./mode-registry.js";
import { requirePositiveInteger } from "./positive-integer.js";

/** Rows of a prompt that are computed by the same patterns. */
export interface PromptPart {
  /** First row, counted from the first that is read now. */
  readonly start: number;
  readonly end: number;
  /** What heads of a mode read in these rows. */
  readonly patternOf: (mode: AttentionMode) => BlockPattern;
}

/** The last rows of a prompt, which a mode reads by another pattern than the rows before. */
export interface PromptEnd {
  readonly rows: number;
  readonly pattern: BlockPattern;
}

/** Last rows of a prompt that read everything; 0 where a mode has no such end. Any mode may have one. */
export function denseRowsOf(mode: AttentionMode): number {
  return (mode as { readonly denseRows?: number }).denseRows ?? 0;
}

/** Checks the settings of any mode: those of its kind, and its dense end. @throws InvalidModeError */
export function validateMode(mode: AttentionMode): void {
  attentionModeDefinition(mode).validate(mode);
  const { denseRows } = mode as { readonly denseRows?: unknown };
  if (denseRows !== undefined) requirePositiveInteger(mode.kind, "denseRows", denseRows);
}

/**
 * The end of a mode's prompt. A mode that chooses blocks for the whole prompt has none: its dense rows are whole blocks of
 * what it chose.
 */
export function promptEndOf(mode: AttentionMode, isFirst: boolean): PromptEnd | undefined {
  const definition = attentionModeDefinition(mode);
  const rows = denseRowsOf(mode);
  const { type } = promptPattern(mode, isFirst);
  if (rows > 0 && type !== "full" && type !== "selected") return { rows, pattern: { type: "full" } };
  return definition.promptEnd?.(mode);
}

/** Whether a mode reads the end of a prompt otherwise than the rows before: what is read in two parts then differs from the whole. */
export function hasPromptEnd(mode: AttentionMode): boolean {
  return denseRowsOf(mode) > 0 || promptEndOf(mode, true) !== undefined;
}

/**
 * Cuts the rows of a prompt where a mode's end begins.
 *
 * @param isFirst whether these are the sequence's first tokens, or those of a later turn
 * @throws InvalidModeError where an end meets a mode that chooses blocks for the whole prompt
 */
export function promptParts(modes: readonly AttentionMode[], rows: number, isFirst: boolean): PromptPart[] {
  const ends = new Map(modes.map((mode) => [mode, promptEndOf(mode, isFirst)]));
  const cuts = new Set([0]);
  for (const end of ends.values()) if (end !== undefined) cuts.add(Math.max(0, rows - end.rows));
  if (cuts.size > 1 && modes.some((mode) => promptPattern(mode, isFirst).type === "selected")) {
    throw new InvalidModeError(
      `Modes ${[...new Set(modes.map(({ kind }) => kind))].join(" and ")}: one chooses blocks for the whole prompt, the other reads its end by another pattern; together they are not implemented.`,
      "Leave the end (dense or rows) out, or pair the modes with FA.",
    );
  }
  const starts = [...cuts].sort((a, b) => a - b).filter((start) => start < rows);
  return starts.map((start, index) => ({
    start,
    end: starts[index + 1] ?? rows,
    patternOf(mode) {
      const end = ends.get(mode) ?? promptEndOf(mode, isFirst);
      return end !== undefined && start >= rows - end.rows ? end.pattern : promptPattern(mode, isFirst);
    },
  }));
}

/** What a mode reads in a prompt, but for its end. */
export function promptPattern(mode: AttentionMode, isFirst: boolean): BlockPattern {
  const definition = attentionModeDefinition(mode);
  return isFirst ? definition.pattern(mode) : (definition.laterPattern?.(mode) ?? definition.decodePattern(mode));
}
