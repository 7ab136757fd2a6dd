import { NotFiniteLossError, TrainingConfigError } from "@elastic-attention/core";
import { type Communicator, SingleProcess } from "@elastic-attention/distributed";
import type { AttentionMode } from "@elastic-attention/attention";
import type { TrainingStepOptions } from "@elastic-attention/transformer";
import type { PackedExamples, PackStream } from "../data/pack-stream.js";
import type { SparsityLoss, SparsityObjective } from "../objective/sparsity-objective.js";
import { AdamW, clipGradients } from "../optimizer/adamw.js";
import { learningRateFactor, type LearningRateSchedule } from "../optimizer/learning-rate.js";
import { temperatureAt, type TemperatureSchedule } from "../relaxation/temperature.js";
import type { TrainingStepper } from "../step/training-stepper.js";
import type { GatePolicy } from "./gate-policy.js";
import { StepSums } from "./step-sums.js";
import type { StepReport } from "./step-report.js";
import { loadCheckpoint, type RunIdentity, saveCheckpoint, type TrainingState } from "./training-checkpoint.js";

export interface TrainerOptions {
  readonly stepper: TrainingStepper;
  readonly policy: GatePolicy;
  readonly objective: SparsityObjective;
  readonly packs: PackStream;
  readonly retrievalMode: AttentionMode;
  readonly sparseMode: AttentionMode;
  readonly steps: number;
  /** Packs of one optimizer step, over all ranks. */
  readonly packsPerStep: number;
  readonly temperature: TemperatureSchedule;
  readonly schedule: LearningRateSchedule;
  readonly routerLearningRate: number;
  readonly multiplierLearningRate: number;
  readonly weightDecay: number;
  /** Limit of the gradients' joint norm, multipliers included. */
  readonly clip: number;
  readonly seed: number;
  /** Keep only layer inputs in a step and compute the rest again. */
  readonly activationCheckpointing: boolean;
  /** Default "next-token"; see `TrainingStepOptions`. */
  readonly loss?: TrainingStepOptions["loss"];
  /** Default: one process. */
  readonly communicator?: Communicator;
  /** File for checkpoints; without it nothing is saved. */
  readonly checkpointPath?: string;
  /** Steps between checkpoints; one is always saved at the end, when the signal aborts, and when a loss is not finite. */
  readonly checkpointEvery?: number;
  readonly identity: RunIdentity;
  readonly onStep?: (report: StepReport) => void;
  /** After each checkpoint but the last, on the rank that wrote it. */
  readonly onCheckpoint?: () => void;
  readonly signal?: AbortSignal;
}

/**
 * The training loop: packs through the frozen model, gradients summed over packs and ranks, AdamW for the policy's
 * parameters, ascent for the multipliers. All randomness is by place, so a resumed run is the uninterrupted one.
 */
export class Trainer {
  readonly #communicator: Communicator;
  readonly #optimizer: AdamW;
  #step = 0;
  #secondsOfSteps = 0;
  #stepsMade = 0;

  constructor(private readonly options: TrainerOptions) {
    const { policy, objective, packsPerStep, weightDecay, communicator = new SingleProcess() } = options;
    this.#communicator = communicator;
    if (packsPerStep < communicator.size) {
      throw new TrainingConfigError(`${communicator.size} ranks need at least as many packs in a step, found ${packsPerStep}.`, "Raise packsPerStep.", "packsPerStep");
    }
    const multipliers = [objective.linear, objective.quadratic];
    this.#optimizer = new AdamW([
      { name: "policy", parameters: policy.parameters, learningRate: options.routerLearningRate, weightDecay },
      { name: "multipliers", parameters: multipliers, learningRate: options.multiplierLearningRate, weightDecay, maximize: true },
    ]);
  }

  /** Steps done. */
  get step(): number {
    return this.#step;
  }

  /** Resumes from the checkpoint, or changes nothing. @throws TrainingCheckpointError */
  resume(): void {
    if (this.options.checkpointPath === undefined) throw new TrainingConfigError("There is no checkpoint to resume from: no place for one is set.");
    const arrays = this.#arrays();
    const state = loadCheckpoint(this.options.checkpointPath, this.options.identity, arrays);
    for (const [name, values] of arrays) values.set(state.arrays.get(name)!);
    this.#step = state.step;
    this.#optimizer.state.steps = state.step;
    this.options.packs.position = state.position;
    this.options.packs.skipped = state.skipped;
    this.options.policy.refresh();
  }

  /**
   * Trains to the last step. When something stops it, the steps made are saved first.
   * @throws NotFiniteLossError, TrainingDataError, TrainingCheckpointError, the signal's reason
   */
  async run(): Promise<void> {
    const { steps, checkpointEvery = 0, onStep } = this.options;
    while (this.#step < steps) {
      const before = this.#state();
      try {
        this.options.signal?.throwIfAborted();
        const report = await this.#oneStep();
        onStep?.(report);
      } catch (error) {
        this.#saveAfter(error, before);
        throw error;
      }
      if (this.#step === steps || (checkpointEvery > 0 && this.#step % checkpointEvery === 0)) {
        this.#save(this.#state());
        if (this.#step < steps && this.#communicator.rank === 0) this.options.onCheckpoint?.();
      }
    }
  }

  async #oneStep(): Promise<StepReport> {
    const { options } = this;
    const { policy, objective, packs, packsPerStep, steps } = options;
    const begun = performance.now();
    const before = this.#state();
    const temperature = temperatureAt(options.temperature, this.#step, steps);
    const sums = new StepSums([...policy.parameters, objective.linear, objective.quadratic], objective.options.tasks.length);
    let failure: string[] | undefined;
    for (let index = 0; index < packsPerStep; index++) {
      // Every rank walks over all packs, so that all agree where the next begins.
      const packed = await packs.next();
      if (index % this.#communicator.size !== this.#communicator.rank || failure !== undefined) continue;
      if (!(await this.#accumulate(packed, index, temperature, sums))) failure = [...packed.rows];
    }
    await this.#stopIfFailed(failure, before);
    await sums.reduce(this.#communicator);
    const means = sums.meanGradients();
    const count = policy.parameters.length;
    const gradients = [means.slice(0, count), means.slice(count)];
    const gradientNorm = clipGradients(gradients, options.clip);
    const factor = learningRateFactor(options.schedule, this.#step, steps);
    this.#optimizer.step(gradients, factor);
    objective.clampMultipliers();
    policy.refresh();
    this.#step += 1;
    const seconds = (performance.now() - begun) / 1000;
    this.#secondsOfSteps += seconds;
    this.#stepsMade += 1;
    return {
      step: this.#step,
      steps,
      ...sums.report(objective, (this.#step - 1) / steps),
      temperature,
      learningRate: options.routerLearningRate * factor,
      gradientNorm,
      seconds,
      tokensPerSecond: sums.tokens / seconds,
      secondsLeft: ((steps - this.#step) * this.#secondsOfSteps) / this.#stepsMade,
      skipped: packs.skipped,
    };
  }

  /** One pack forward and backward; false when a number is not finite. */
  async #accumulate({ pack, taskIds }: PackedExamples, index: number, temperature: number, sums: StepSums): Promise<boolean> {
    const { stepper, policy, objective, seed, steps, retrievalMode, sparseMode, activationCheckpointing, loss, signal } = this.options;
    let sparsityLoss: SparsityLoss | undefined;
    const result = await stepper.step({
      pack,
      routers: policy.routers,
      retrievalMode,
      sparseMode,
      checkpointing: activationCheckpointing,
      decide: (layer, logits) => policy.decide(logits, { seed, step: this.#step, pack: index, layer }, temperature, taskIds),
      gateLoss: (gates) => (sparsityLoss = objective.evaluate(gates, taskIds, this.#step / steps)),
      ...(loss === undefined ? {} : { loss }),
      ...(signal === undefined ? {} : { signal }),
    });
    const { linear, quadratic } = sparsityLoss!.multiplierGradients;
    sums.add({
      languageModelLoss: result.languageModelLoss,
      gateLoss: result.gateLoss,
      tokens: pack.tokens.length,
      taskIds,
      sparsity: sparsityLoss!.sparsity,
      gradients: [...policy.gradients(result), linear, quadratic],
    });
    return sums.isFinite;
  }

  /** All ranks stop together, and rank 0 saves what was before the step. */
  async #stopIfFailed(failure: readonly string[] | undefined, before: TrainingState): Promise<void> {
    const told = await this.#communicator.allGather(new TextEncoder().encode(failure === undefined ? "" : JSON.stringify(failure)));
    const failed = told.map((bytes) => new TextDecoder().decode(bytes)).find((text) => text !== "");
    if (failed === undefined) return;
    this.#save(before);
    throw new NotFiniteLossError(this.#step, JSON.parse(failed) as string[], "The loss or a gradient is not a finite number", this.options.checkpointPath);
  }

  /** Whatever stops a run, the steps it made are not lost. */
  #saveAfter(error: unknown, before: TrainingState): void {
    if (this.#step === 0 || NotFiniteLossError.isInstance(error)) return;
    // Moments and parameters change only at the end of a step: in the middle of one the arrays are still those before.
    this.#save(this.#step === before.step ? before : this.#state());
  }

  #state(): TrainingState {
    const { position, skipped } = this.options.packs;
    return { step: this.#step, position, skipped, arrays: this.#arrays() };
  }

  #save(state: TrainingState): void {
    if (this.options.checkpointPath === undefined || this.#communicator.rank !== 0) return;
    saveCheckpoint(this.options.checkpointPath, state, this.options.identity);
  }

  #arrays(): Map<string, Float32Array> {
    const arrays = new Map<string, Float32Array>();
    const { first, second } = this.#optimizer.state;
    for (const [group, { name, parameters }] of this.#optimizer.groups.entries()) {
      for (const [index, values] of parameters.entries()) {
        arrays.set(`${name}.${index}`, values);
        arrays.set(`${name}.${index}.first_moment`, first[group]![index]!);
        arrays.set(`${name}.${index}.second_moment`, second[group]![index]!);
      }
    }
    return arrays;
  }
}
