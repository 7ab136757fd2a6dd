import type { StepReport } from "@elastic-attention/training";
import { canRedraw } from "../../terminal/can-redraw.js";
import { TerminalBar } from "../../terminal/terminal-bar.js";

/** Lines that a whole run prints where there is no terminal. */
const plainLines = 40;

/**
 * The state of a training run on standard error: on a terminal a bar with loss, MSR by task, multipliers, tokens/s and
 * time left, elsewhere a plain line now and then.
 */
export class TrainingView implements Disposable {
  #bar: TerminalBar | undefined;

  update(report: StepReport): void {
    const { step, steps } = report;
    if (!canRedraw(process.stderr)) {
      const every = Math.max(1, Math.floor(steps / plainLines));
      if (step === 1 || step === steps || step % every === 0) console.error(`step ${step} of ${steps}: ${stepText(report)}`);
      return;
    }
    this.#bar ??= new TerminalBar("{bar} {value}/{total} | {text}", { kept: true, size: 16 });
    this.#bar.update(step, steps, { text: stepText(report) });
  }

  [Symbol.dispose](): void {
    this.#bar?.[Symbol.dispose]();
    this.#bar = undefined;
  }
}

/** One step in one line. */
export function stepText({ languageModelLoss, gateLoss, modelSparsity, tasks, tokensPerSecond, secondsLeft, skipped }: StepReport): string {
  const sparsity = tasks.map(({ name, sparsity }) => `${shortName(name)} ${sparsity === undefined ? "–" : sparsity.toFixed(2)}`).join(" ");
  const multipliers = tasks.map(({ linear, quadratic }) => `${linear.toFixed(2)}/${quadratic.toFixed(2)}`).join(" ");
  const left = skipped > 0 ? `, ${skipped} rows left out` : "";
  return (
    `loss ${languageModelLoss.toFixed(3)} + ${gateLoss.toFixed(3)} | MSR ${modelSparsity.toFixed(2)} (${sparsity}) | λ ${multipliers} | ` +
    `${tokensPerSecond.toFixed(0)} tokens/s, ${duration(secondsLeft)} left${left}`
  );
}

/** The capitals of a task's name, or its beginning. */
function shortName(name: string): string {
  const capitals = name.replace(/[^A-Z]/g, "");
  return capitals.length >= 2 ? capitals : name.slice(0, 4);
}

function duration(seconds: number): string {
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)];
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${Math.round(seconds)} s`;
}
