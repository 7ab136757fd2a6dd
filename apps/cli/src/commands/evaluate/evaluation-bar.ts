import type { EvaluationProgress } from "@elastic-attention/evaluation";
import { canRedraw } from "../../terminal/can-redraw.js";
import { TerminalBar } from "../../terminal/terminal-bar.js";

/** Progress of an evaluation with the time left: a bar on a terminal, a line every twentieth elsewhere. */
export class EvaluationBar implements Disposable {
  #planning: TerminalBar | undefined;
  #bar: TerminalBar | undefined;
  #begun: number | undefined;
  #lastPart = -1;
  #plannedTasks = -1;

  /** @param shown false: nothing is printed, on other ranks and with --json. */
  constructor(private readonly shown: boolean) {}

  /** While prompts are made. */
  planning(done: number, total: number): void {
    if (!this.shown || done === this.#plannedTasks) return;
    this.#plannedTasks = done;
    if (canRedraw(process.stderr)) {
      this.#planning ??= new TerminalBar("Making prompts {bar} {value} of {all}", { kept: true });
      this.#planning.update(done, total, { all: tasks(total) });
      if (done === total) this.#endPlanning();
    } else if (done === total) console.error(`Made the prompts of ${tasks(total)}`);
  }

  update({ done, total, samplesDone, samplesTotal, task, variant }: EvaluationProgress): void {
    if (!this.shown || total === 0) return;
    this.#begun ??= performance.now();
    const seconds = (performance.now() - this.#begun) / 1000;
    const left = done > 0 ? duration((seconds * (total - done)) / done) : "…";
    if (!canRedraw(process.stderr)) {
      const part = Math.floor((20 * done) / total);
      if (part > this.#lastPart) console.error(`${Math.floor((100 * done) / total)}%, ${samplesDone} of ${samplesTotal} answers, ${left} left`);
      this.#lastPart = part;
      return;
    }
    this.#bar ??= new TerminalBar("Evaluating {bar} {percentage}% | {samplesDone} of {samplesTotal} answers | {left} left | {what}");
    this.#bar.update(done, total, { samplesDone, samplesTotal, left, what: `${task} ${variant}` });
  }

  [Symbol.dispose](): void {
    this.#endPlanning();
    this.#bar?.[Symbol.dispose]();
    this.#bar = undefined;
  }

  #endPlanning(): void {
    this.#planning?.[Symbol.dispose]();
    this.#planning = undefined;
  }
}

function tasks(count: number): string {
  return count === 1 ? "1 task" : `${count} tasks`;
}

/** "1 h 05 min", "12 min", "40 s". */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 90) return `${whole} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}
