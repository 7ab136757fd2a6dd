import { join } from "node:path";
import { writeFileWhole } from "@elastic-attention/core";
import type { HeadList } from "@elastic-attention/router";
import { SparsityObjective } from "../objective/sparsity-objective.js";
import { routedLayers } from "@elastic-attention/transformer";
import { trainPolicy, type TrainRoutersOptions } from "../run/train-routers.js";
import type { TrainingConfig } from "../run/training-config.js";
import { gatesHeadList } from "./head-lists.js";
import { StaticGates } from "./static-gates.js";

/**
 * Static heads that are trained (reference semantics 8.1):
 *
 * - "prulong": hard-concrete gates, next-token loss, a signed Lagrangian to one sparsity for all tasks whose target grows
 *   over 80% of the steps;
 * - "task-lists": the same with gates of its own for every task, each at its task's target: what a router could gain that knew
 *   the task of every prompt and nothing else;
 * - "duo-attention": gates between 0 and 1 by distillation of the final hidden states, with 0.05 for each open gate.
 */
export type TrainedBaseline = "prulong" | "duo-attention" | "task-lists";

/** Learning rates of gates and multipliers. Upstream trains PruLong's over 1 000 steps; shorter runs need them all the same. */
const learningRates: Readonly<Record<TrainedBaseline, { readonly gates: number; readonly multipliers: number }>> = {
  prulong: { gates: 0.2, multipliers: 0.2 },
  "task-lists": { gates: 0.2, multipliers: 0.2 },
  "duo-attention": { gates: 0.02, multipliers: 0 },
};

/** Penalty of an open gate in DuoAttention's loss. */
const openGatePenalty = 0.05;

/**
 * Trains a baseline on the data and for the steps of a router configuration, so that both see the same, and writes
 * heads.json (or heads-TASK.json for each task) into the output folder.
 * @param sparsity share of sparse heads that the list asks for (and PruLong is trained to)
 */
export async function trainBaseline(options: TrainRoutersOptions, baseline: TrainedBaseline, sparsity: number): Promise<HeadList> {
  const { model, config } = options;
  const { numLayers, numKeyValueHeads, headDim } = model.spec;
  const routed = routedLayers(model.spec);
  const kind = baseline === "duo-attention" ? "clamped" : "hard-concrete";
  const lists = baseline === "task-lists" ? config.tasks : undefined;
  using gates = new StaticGates(model.backend, kind, routed.length, numKeyValueHeads, headDim, config.seed, lists?.length);
  const list = (task = 0) => {
    const of = lists === undefined ? "" : `, task ${lists[task]!.name}`;
    const share = lists === undefined ? sparsity : lists[task]!.target;
    return gatesHeadList(gates, share, `${baseline}${of}, ${config.optimizer.steps} steps, seed ${config.seed}.`, { numLayers, routed }, task);
  };
  const write = (name: string, task?: number) => writeFileWhole(join(config.output, name), `${JSON.stringify(list(task), undefined, 1)}\n`);
  const save = () => (lists === undefined ? write("heads.json") : lists.forEach(({ name }, task) => write(`heads-${name}.json`, task)));
  const training = { objective: baselineObjective(config, baseline, sparsity), loss: kind === "clamped" ? "hidden-states" : "next-token" } as const;
  const { gates: routerLearningRate, multipliers: multiplierLearningRate } = learningRates[baseline];
  const optimizer = { ...config.optimizer, routerLearningRate, multiplierLearningRate, weightDecay: 0 };
  await trainPolicy({ ...options, config: { ...config, optimizer } }, gates, save, training);
  return list();
}

function baselineObjective({ tasks, seed }: TrainingConfig, baseline: TrainedBaseline, sparsity: number): SparsityObjective {
  const same = baseline === "task-lists" ? tasks : tasks.map((task) => ({ ...task, target: sparsity }));
  if (baseline !== "duo-attention") {
    return new SparsityObjective({ tasks: same, form: "signed", initial: [0, 0], warmUp: { start: 0, share: 0.8 }, seed });
  }
  // The mean gate times 0.05 is, up to a constant, the signed term with a multiplier of -0.05 on the share of sparse heads.
  const objective = new SparsityObjective({ tasks: same, form: "signed", initial: [0, 0], seed });
  objective.linear.fill(-openGatePenalty);
  return objective;
}
