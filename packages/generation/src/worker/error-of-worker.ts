import { EngineWorkerError, type ErrorRecord, reviveError } from "@elastic-attention/core";

/** The error that a worker thread recorded; one that is not ours becomes an EngineWorkerError. */
export function errorOfWorker(record: ErrorRecord): Error {
  return reviveError(record) ?? new EngineWorkerError(`The engine failed: ${record.name}: ${record.message}`);
}
