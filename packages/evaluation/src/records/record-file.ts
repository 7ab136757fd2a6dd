import { closeSync, existsSync, fdatasyncSync, ftruncateSync, openSync, readFileSync, readSync, writeSync } from "node:fs";
import { EvaluationError, writeFileWhole } from "@elastic-attention/core";
import { type EvaluationRecord, recordSchema } from "./record.js";

/** Appends records to a JSONL file, each safe on disk before the next sample begins. */
export class RecordWriter implements Disposable {
  readonly #file: number;

  /** Opens the file behind its last whole line: a run that was killed may have left half of one. */
  constructor(readonly path: string) {
    const whole = existsSync(path) ? wholeLines(path) : 0;
    this.#file = openSync(path, "a");
    ftruncateSync(this.#file, whole);
  }

  append(record: EvaluationRecord): void {
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    for (let written = 0; written < line.length; ) written += writeSync(this.#file, line, written);
    fdatasyncSync(this.#file);
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

/** Bytes of a file up to its last line break. */
function wholeLines(path: string): number {
  const file = openSync(path, "r");
  try {
    const part = Buffer.alloc(1 << 20);
    let end = 0;
    for (let position = 0; ; ) {
      const read = readSync(file, part, 0, part.length, position);
      if (read === 0) return end;
      const last = part.subarray(0, read).lastIndexOf(0x0a);
      if (last >= 0) end = position + last + 1;
      position += read;
    }
  } finally {
    closeSync(file);
  }
}

/**
 * The records of a file, without a line that was cut off at its end; none when there is no file.
 *
 * @throws EvaluationError for a damaged line, naming it
 */
export function readRecords(path: string): EvaluationRecord[] {
  return existsSync(path) ? parseRecords(readFileSync(path, "utf8"), path) : [];
}

/** Records of JSONL text. @throws EvaluationError naming the damaged line */
export function parseRecords(text: string, path: string): EvaluationRecord[] {
  const lines = text.split("\n");
  // What is behind the last line break was never finished.
  lines.pop();
  return lines.map((line, index) => {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      value = undefined;
    }
    const result = recordSchema.safeParse(value);
    if (result.success) return result.data;
    const problem = value === undefined ? "it is not JSON" : firstIssue(result.error);
    throw new EvaluationError(`Line ${index + 1} of ${path} is no record: ${problem}.`, "Remove the line: its sample is then run again.");
  });
}

function firstIssue(error: { readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[] }): string {
  const { path, message } = error.issues[0]!;
  return `${path.map(String).join(".")}: ${message}`;
}

/** Replaces a file of records at once: a kill leaves the old one or the new one. */
export function writeRecords(path: string, records: readonly EvaluationRecord[]): void {
  writeFileWhole(path, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
}
