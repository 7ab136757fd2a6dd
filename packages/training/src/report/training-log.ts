import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import type { StepReport } from "../trainer/step-report.js";

/** The log of a run: one JSON object a line, one line a step. */
export class TrainingLog {
  constructor(readonly path: string) {}

  append(report: StepReport): void {
    appendFileSync(this.path, `${JSON.stringify(report)}\n`);
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
    writeFileSync(this.path, kept.map((report) => `${JSON.stringify(report)}\n`).join(""));
  }
}
