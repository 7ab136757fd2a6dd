import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { EvaluationError, writeFileWhole } from "@elastic-attention/core";
import type { RunDescription } from "../run/run-settings.js";
import { differingSettings } from "./differing-settings.js";
import { type EvaluationRecord, recordKey } from "./record.js";
import { readRecords, writeRecords } from "./record-file.js";
import { runDescriptionSchema } from "./run-description-schema.js";

const descriptionFile = "run.json";
const recordsFile = "records.jsonl";

/** The output folder of one run: run.json, records.jsonl, and the files of ranks that have not been merged yet. */
export class RunFolder {
  constructor(readonly path: string) {}

  /**
   * Takes an empty or new folder for a run, or resumes one of the same settings.
   *
   * @param resume whether the folder may hold records
   * @returns the description in the folder: the given one, or that of the run that is resumed
   * @throws EvaluationError when the folder is another run's, or holds records and `resume` is not set
   */
  claim(description: RunDescription, resume: boolean): RunDescription {
    mkdirSync(this.path, { recursive: true });
    const describe = () => {
      this.write(descriptionFile, `${JSON.stringify(description, undefined, 2)}\n`);
      return description;
    };
    if (existsSync(join(this.path, descriptionFile))) {
      // A start that failed before its first record leaves nothing to lose.
      if (this.records().length === 0) return describe();
      const found = this.description();
      const differences = differingSettings(found.settings, description.settings);
      if (!resume) {
        throw new EvaluationError(
          `${this.path} holds another run.`,
          `Choose another --out folder, or --resume to continue it${differences.length === 0 ? "" : ` (its settings differ: ${differences.join("; ")})`}.`,
        );
      }
      if (differences.length > 0) {
        throw new EvaluationError(
          `${this.path} holds a run with other settings: ${differences.join("; ")}.`,
          "Resume with the settings of that run, or choose another --out folder.",
        );
      }
      return found;
    }
    const strangers = readdirSync(this.path).filter((name) => !name.startsWith("."));
    if (strangers.length > 0) {
      throw new EvaluationError(`${this.path} is not empty and holds no run: ${strangers.slice(0, 3).join(", ")}.`, "Choose another --out folder.");
    }
    return describe();
  }

  /** @throws EvaluationError when the folder holds no run, or run.json is damaged */
  description(): RunDescription {
    const path = join(this.path, descriptionFile);
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      throw new EvaluationError(`${this.path} holds no run: ${(error as Error).message}.`, "Name the --out folder of `elastic-attention eval`.");
    }
    const parsed = runDescriptionSchema.safeParse(parsedJson(text));
    if (parsed.success) return parsed.data;
    const { path: place, message } = parsed.error.issues[0]!;
    const problem = place.length === 0 ? "it is not a JSON object" : `${place.map(String).join(".")}: ${message}`;
    throw new EvaluationError(`${path} does not describe a run: ${problem}.`, "Restore the file, or start again in another --out folder.");
  }

  /** Where a rank writes; a run of one rank writes the merged file itself. */
  recordsPath(rank: number, size: number): string {
    return join(this.path, size === 1 ? recordsFile : `records-${rank}.jsonl`);
  }

  /** All records of the folder, each once, in the order of samples. */
  records(): EvaluationRecord[] {
    const names = readdirSync(this.path).filter((name) => /^records(-\d+)?\.jsonl$/.test(name));
    return uniqueRecords(names.sort().flatMap((name) => readRecords(join(this.path, name))));
  }

  /** Puts all records into one file and removes this folder's files of ranks. */
  merge(records: readonly EvaluationRecord[]): void {
    writeRecords(join(this.path, recordsFile), records);
    for (const name of readdirSync(this.path)) if (/^records-\d+\.jsonl$/.test(name)) rmSync(join(this.path, name));
  }

  /** Writes a file at once. @returns its path */
  write(name: string, text: string): string {
    const path = join(this.path, name);
    writeFileWhole(path, text);
    return path;
  }
}

/** Undefined for text that is not JSON. */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Each record once, by sample; records of one sample stay in the order they were made. */
export function uniqueRecords(records: readonly EvaluationRecord[]): EvaluationRecord[] {
  const unique = new Map<string, EvaluationRecord>();
  for (const record of records) if (!unique.has(recordKey(record))) unique.set(recordKey(record), record);
  return Array.from(unique.values()).sort((a, b) => a.index - b.index);
}
