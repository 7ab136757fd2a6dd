import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { FileWriteError, writeFileWhole } from "@elastic-attention/core";
import type { StepReport } from "../trainer/step-report.js";

/** The log of a run: one JSON object a line, one line a step. */
export class TrainingLog {
  constructor(readonly path: string) {}

  /** @throws FileWriteError */
  append(report: StepReport): void {
    try {
      appendFileSync(this.path, `${JSON.stringify(report)}\n`);
    } catch (cause) {
      throw new FileWriteError(this.path, cause);
    }
  }

  /** Steps logged so far; a line that a crash cut short is left out. */
  read(): StepReport[] {
    if (!existsSync(this.path)) return [];
    return readFileSync(this.path, "utf8")
      .split("\n")
      .flatMap((line) => {
        try {
          return [JSON.parse(line) as StepReport];
        } catch {
          return [];
        }
      });
  }

  /** Drops what was logged after a step, which a resumed run makes again. */
  keepUntil(step: number): void {
    const kept = this.read().filter((report) => report.step <= step);
    writeFileWhole(this.path, kept.map((report) => `${JSON.stringify(report)}\n`).join(""));
  }
}
