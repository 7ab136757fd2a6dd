import { type AttentionMode, attentionModeDefinition, type DecodePolicy, type HeldRanges } from "@elastic-attention/attention";
import { ElasticAttentionError } from "@elastic-attention/core";
import type { ModelSpec } from "@elastic-attention/transformer";

/** What a saved session's file says besides keys and values. */
export interface SessionManifest {
  readonly name: string;
  readonly decode: DecodePolicy;
  readonly cachedTokens: readonly number[];
  readonly routedTokens: number;
  readonly pendingTokens: readonly number[];
  readonly text: string | undefined;
  readonly routingKey: string;
  /** Whether its plan was taken over with a cached prefix, see `SessionState.plan`. */
  readonly hasPlan: boolean;
  /** [layer][kvHead]; empty in layers whose mode the model fixes. */
  readonly assignment: readonly (readonly number[])[];
  /** [layer][kvHead]. */
  readonly modes: readonly (readonly AttentionMode[])[];
  /** [layer][kvHead]: positions whose keys and values the file has, in this order. */
  readonly held: readonly (readonly HeldRanges[])[];
}

/**
 * Checks what a file says against the model: nothing of it is believed.
 * @returns what is wrong with it, where something is
 */
export function manifestProblem(value: unknown, { numLayers, numKeyValueHeads, vocabularySize, contextLength }: ModelSpec): string | undefined {
  if (!isRecord(value)) return "is no record";
  const { name, decode, cachedTokens, routedTokens, pendingTokens, text, routingKey, hasPlan, assignment, modes, held } = value;
  const isToken = (id: unknown) => isCount(id) && id < vocabularySize;
  if (typeof name !== "string" || name === "") return "has no name";
  if (decode !== "routed" && decode !== "full") return "has no decode policy";
  if (!isList(cachedTokens, isToken) || cachedTokens.length === 0 || cachedTokens.length >= contextLength) return "has tokens that the model cannot have read";
  if (!isList(pendingTokens, isToken) || pendingTokens.length > 1) return "has pending tokens that no answer leaves";
  if (!isCount(routedTokens) || routedTokens > cachedTokens.length) return "was routed by more tokens than it has";
  if (text !== undefined && typeof text !== "string") return "has a text that is none";
  if (typeof routingKey !== "string" || typeof hasPlan !== "boolean") return "does not say how it was routed";
  const perHead = (list: unknown, isItem: (item: unknown) => boolean) =>
    isList(list, (heads) => isList(heads, isItem) && heads.length === numKeyValueHeads) && list.length === numLayers;
  if (!perHead(modes, isMode)) return "has modes that are not known";
  const isAssigned = (heads: unknown) => isList(heads, (index) => isCount(index) && index < 256) && (heads.length === 0 || heads.length === numKeyValueHeads);
  if (!isList(assignment, isAssigned) || assignment.length !== numLayers) return "has a plan for other heads";
  const isHeld = (ranges: unknown) => isRanges(ranges, cachedTokens.length);
  if (!perHead(held, isHeld)) return "holds positions that it cannot have";
  return undefined;
}

/** Ascending, and with the last token, which every head keeps. */
function isRanges(value: unknown, length: number): boolean {
  let before = 0;
  const isRange = (range: unknown) => {
    if (!isList(range, isCount) || range.length !== 2) return false;
    const [start, end] = range as [number, number];
    const fits = start >= before && start < end && end <= length;
    before = end;
    return fits;
  };
  return isList(value, isRange) && value.length <= 2 && before === length;
}

function isMode(value: unknown): boolean {
  if (!isRecord(value) || typeof value["kind"] !== "string") return false;
  try {
    const mode = value as unknown as AttentionMode;
    attentionModeDefinition(mode).validate(mode);
    return true;
  } catch (error) {
    if (ElasticAttentionError.isInstance(error)) return false;
    throw error;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isList(value: unknown, isItem: (item: unknown) => boolean): value is readonly unknown[] {
  return Array.isArray(value) && value.every(isItem);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
