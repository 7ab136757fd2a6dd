import { EngineWorkerError, type ErrorRecord, RankFailedError, recordError, reviveError } from "@elastic-attention/core";
import type { RankGroup } from "@elastic-attention/tensor";
import { decodeMessage, encodeMessage } from "./messages.js";

/**
 * Does this rank's part of a piece of work that all ranks do at once. It succeeds when it has on all of them.
 *
 * @throws this rank's own error where that is the cause; else the error of the first rank that has one. What was made by then is
 *   given back: the result is disposed where it can be.
 */
export function settled<Result>(ranks: RankGroup, work: () => Result): Result {
  let result: Result;
  try {
    result = work();
  } catch (error) {
    throw settleFailure(ranks, error);
  }
  const failure = settleSuccess(ranks);
  if (failure === undefined) return result;
  (result as Partial<Disposable> | undefined)?.[Symbol.dispose]?.();
  throw failure;
}

/** Tells the other ranks that this one is done. @returns why the work has failed, if it has on any */
export function settleSuccess(ranks: RankGroup): Error | undefined {
  return causeOf(ranks.settle(encodeMessage(undefined)));
}

/** Tells the other ranks that this one has failed. @returns what to throw: the cause */
export function settleFailure(ranks: RankGroup, error: unknown): Error {
  const own = recordError(error);
  const cause = causeOf(ranks.settle(encodeMessage(own)));
  return isConsequence(own) ? (cause ?? (error as Error)) : (error as Error);
}

function causeOf(outcomes: readonly Uint8Array[]): Error | undefined {
  const records = outcomes.map((bytes) => decodeMessage(bytes) as ErrorRecord | undefined);
  const failed = records.flatMap((record, rank) => (record === undefined ? [] : [{ record, rank }]));
  const first = failed.find(({ record }) => !isConsequence(record)) ?? failed[0];
  if (first === undefined) return undefined;
  const { record, rank } = first;
  return reviveError(record) ?? new EngineWorkerError(`Rank ${rank} has failed: ${record.name}: ${record.message}`);
}

/** Whether a rank has failed because another one had. */
function isConsequence({ name }: ErrorRecord): boolean {
  return name === RankFailedError.name;
}
