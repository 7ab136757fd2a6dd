import { join } from "node:path";
import { TrainingLog } from "../report/training-log.js";
import { trainingFiles, trainRouters, type TrainRoutersOptions } from "../run/train-routers.js";
import type { TrainingConfig } from "../run/training-config.js";
import type { StepReport } from "../trainer/step-report.js";

/** What an ablation varies: width of the routers, target of the sensitive tasks, pooled tokens, pair of modes. */
export type AblationAxis = "width" | "target" | "pooling" | "mode";

export interface AblationVariant {
  readonly name: string;
  readonly config: TrainingConfig;
  /** Whether it is the paper's choice. */
  readonly isPublished: boolean;
}

/** One trained variant; figures are means over the last tenth of its steps. */
export interface AblationRow {
  readonly name: string;
  readonly isPublished: boolean;
  readonly languageModelLoss: number;
  readonly gateLoss: number;
  /** Mean share of sparse heads of sensitive and of robust tasks. */
  readonly sensitiveSparsity: number;
  readonly robustSparsity: number;
}

/** The variants of an axis, each with a folder of its own in the configuration's output. */
export function ablationVariants(config: TrainingConfig, axis: AblationAxis): AblationVariant[] {
  const variant = (name: string, isPublished: boolean, changes: Partial<TrainingConfig>): AblationVariant => ({
    name,
    isPublished,
    config: { ...config, ...changes, output: join(config.output, `${axis}-${name}`), save: "routers" },
  });
  switch (axis) {
    case "width":
      return [2, 4, 6, 8].map((width) => variant(`${width}x`, width === 4, { router: { ...config.router, width } }));
    case "target":
      return [0.4, 0.5, 0.6, 0.7].map((target) =>
        variant(target.toFixed(1), target === 0.7, { tasks: config.tasks.map((task) => (task.kind === "sensitive" ? { ...task, target } : task)) }),
      );
    case "pooling":
      return ([50, 100, 200, "all"] as const).map((pooling) => variant(String(pooling), pooling === 100, { data: { ...config.data, pooling } }));
    case "mode":
      return (["fa-ssa", "fa-xa", "xa-ssa"] as const).map((mode) => variant(mode, mode === "fa-ssa", { mode }));
  }
}

/** Trains every variant on the same data and compares them. */
export async function runAblation(options: TrainRoutersOptions, axis: AblationAxis, onVariant?: (row: AblationRow) => void): Promise<AblationRow[]> {
  const rows: AblationRow[] = [];
  for (const { name, config, isPublished } of ablationVariants(options.config, axis)) {
    await trainRouters({ ...options, config });
    const row = ablationRow(name, isPublished, config, new TrainingLog(trainingFiles(config.output).log).read());
    rows.push(row);
    onVariant?.(row);
  }
  return rows;
}

export function ablationRow(name: string, isPublished: boolean, { tasks }: Pick<TrainingConfig, "tasks">, reports: readonly StepReport[]): AblationRow {
  const last = reports.slice(-Math.max(1, Math.floor(reports.length / 10)));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const sparsity = (kind: "sensitive" | "robust") =>
    mean(last.flatMap((report) => report.tasks.flatMap((task, index) => (tasks[index]!.kind === kind && task.sparsity !== undefined ? [task.sparsity] : []))));
  return {
    name,
    isPublished,
    languageModelLoss: mean(last.map((report) => report.languageModelLoss)),
    gateLoss: mean(last.map((report) => report.gateLoss)),
    sensitiveSparsity: sparsity("sensitive"),
    robustSparsity: sparsity("robust"),
  };
}

/** What the paper says of an axis, for the line below its table. */
const publishedTrend: Readonly<Record<AblationAxis, string>> = {
  width: "The paper settles on 4x (263 682 parameters a layer at head dimension 128).",
  target: "The paper trains to 0.7 (its Figure 13 to 0.6) for sensitive and 1.0 for robust tasks.",
  pooling: "The paper averages the first and last 100 tokens.",
  mode: "In the paper FA-SSA and FA-XA stay near full attention; XA-SSA is sparser and loses most on multi-document questions.",
};

/** The table as text, the paper's choice marked. */
export function ablationTable(axis: AblationAxis, rows: readonly AblationRow[]): string {
  const lines = rows.map(({ name, isPublished, languageModelLoss, gateLoss, sensitiveSparsity, robustSparsity }) =>
    [`${name}${isPublished ? " *" : ""}`.padEnd(10), languageModelLoss.toFixed(4).padStart(8), gateLoss.toFixed(4).padStart(8), sensitiveSparsity.toFixed(3).padStart(13), robustSparsity.toFixed(3).padStart(10)].join("  "),
  );
  const head = [axis.padEnd(10), "loss".padStart(8), "term".padStart(8), "MSR sensitive".padStart(13), "MSR robust".padStart(10)].join("  ");
  return [head, ...lines, `* the paper's choice. ${publishedTrend[axis]}`].join("\n");
}
