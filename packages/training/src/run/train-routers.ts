import { existsSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { FileWriteError, InvalidModeError, TrainingConfigError, TrainingDataError, writeFileWhole } from "@elastic-attention/core";
import type { RowSource } from "@elastic-attention/data-files";
import type { Communicator } from "@elastic-attention/distributed";
import { Tokenizer } from "@elastic-attention/generation";
import type { Backend } from "@elastic-attention/tensor";
import { elasticModes, type ElasticSizes, type ElasticSpec, type ModelAdapter, type ModelSpec, routedLayers, routerFileName } from "@elastic-attention/transformer";
import { openRows } from "../data/open-rows.js";
import { PackStream } from "../data/pack-stream.js";
import { buildExample, type TrainingExample } from "../data/training-example.js";
import { parseTrainingRow } from "../data/training-row.js";
import { SparsityObjective } from "../objective/sparsity-objective.js";
import { relaxationClasses } from "../relaxation/relaxation.js";
import { TrainingLog } from "../report/training-log.js";
import { trainingReportHtml, trainingReportSvg } from "../report/training-report.js";
import { RouterParameters } from "../routers/router-parameters.js";
import { RouterPolicy } from "../routers/router-policy.js";
import { checkPawBase, checkPawModes, savePawCheckpoint, saveRouterFile } from "../routers/save-routers.js";
import type { TrainingStepper } from "../step/training-stepper.js";
import type { GatePolicy } from "../trainer/gate-policy.js";
import type { StepReport } from "../trainer/step-report.js";
import { Trainer, type TrainerOptions } from "../trainer/trainer.js";
import type { TrainingConfig } from "./training-config.js";

/** A frozen model that is ready to give gradients. */
export interface FrozenModel {
  /** Its folder (config, tokenizer, weights) or its GGUF file. */
  readonly directory: string;
  readonly spec: ModelSpec;
  readonly sizes: ElasticSizes;
  readonly adapter: ModelAdapter;
  readonly backend: Backend;
  readonly stepper: TrainingStepper;
  /** See `checkpointHash`. */
  readonly checkpointHash?: string | undefined;
  /** See `modelFingerprint`. */
  readonly fingerprint: string;
}

export interface TrainRoutersOptions {
  readonly config: TrainingConfig;
  readonly model: FrozenModel;
  readonly communicator: Communicator;
  /** Resume from the checkpoint in the output folder. */
  readonly resume: boolean;
  /** Begin anew where the output folder holds a run already; without it, or `resume`, such a folder is refused. */
  readonly overwrite?: boolean;
  readonly onStep?: (report: StepReport) => void;
  readonly signal?: AbortSignal;
}

/** Files of a run, in its output folder. */
export interface TrainingFiles {
  readonly routers: string;
  readonly paw: string;
  readonly checkpoint: string;
  readonly log: string;
  readonly svg: string;
  readonly html: string;
}

export function trainingFiles(output: string): TrainingFiles {
  return {
    routers: join(output, routerFileName),
    paw: join(output, "model"),
    checkpoint: join(output, "checkpoint.safetensors"),
    log: join(output, "log.jsonl"),
    svg: join(output, "report.svg"),
    html: join(output, "report.html"),
  };
}

/** The modes that a configuration trains between, and their sizes. */
export function trainingModes({ mode, sizes }: Pick<TrainingConfig, "mode" | "sizes">, model: Pick<FrozenModel, "spec" | "sizes">): ElasticSpec {
  const given = Object.fromEntries(Object.entries(sizes).filter(([, value]) => value !== undefined));
  const all = { ...model.sizes, ...given };
  if (mode === undefined && Object.keys(given).length === 0 && model.spec.elastic !== undefined) return model.spec.elastic;
  try {
    return elasticModes(mode ?? "fa-ssa", all);
  } catch (error) {
    if (InvalidModeError.isInstance(error)) throw new TrainingConfigError(error.reason, error.hint);
    throw error;
  }
}

/** Trains the routers of a frozen model as a configuration says, and saves them. @returns the last step's report */
export async function trainRouters(options: TrainRoutersOptions): Promise<StepReport | undefined> {
  const { config, model } = options;
  if (config.save !== "routers") {
    checkPawBase(model.directory);
    checkPawModes(trainingModes(config, model));
  }
  const { headDim } = model.spec;
  const { decides, width, relaxation, initializerRange } = config.router;
  const shape = { numLayers: routedLayers(model.spec).length, headDim, decides, width: Math.max(1, Math.round(width * headDim)), classes: relaxationClasses(relaxation) };
  const parameters = RouterParameters.initialize(shape, config.seed, initializerRange);
  using policy = new RouterPolicy(model.backend, parameters, relaxation);
  return await trainPolicy(options, policy, (objective, isLast) => saveResult(options, parameters, objective, isLast));
}

/** What a policy is trained with besides the configuration. */
export interface PolicyTraining {
  /** Default: as the configuration says. */
  readonly objective?: SparsityObjective;
  /** Default: as the configuration says. */
  readonly loss?: TrainerOptions["loss"];
}

/** Trains any policy under a configuration; `save` runs on rank 0, after each checkpoint and at the end. */
export async function trainPolicy(
  { config, model, communicator, resume, overwrite = false, onStep, signal }: TrainRoutersOptions,
  policy: GatePolicy,
  save: (objective: SparsityObjective, isLast: boolean) => void,
  training: PolicyTraining = {},
): Promise<StepReport | undefined> {
  using rows = await openRows(config.data.files);
  const objective = training.objective ?? sparsityObjective(config);
  const files = trainingFiles(config.output);
  const log = new TrainingLog(files.log);
  const writes = communicator.rank === 0;
  let last: StepReport | undefined;
  const { optimizer, checkpointEvery } = config;
  const trainer = new Trainer({
    ...optimizer,
    ...trainingModes(config, model),
    stepper: model.stepper,
    policy,
    objective,
    packs: packStream(config, model, rows),
    temperature: config.temperature,
    schedule: { warmUp: optimizer.warmUp, minimum: optimizer.minimum },
    seed: config.seed,
    activationCheckpointing: config.activationCheckpointing,
    communicator,
    checkpointPath: files.checkpoint,
    checkpointEvery,
    identity: { model: model.fingerprint, policy: policy.name, settings: courseOf(config, rows) },
    onStep: (report) => {
      last = report;
      if (writes) log.append(report);
      onStep?.(report);
    },
    onCheckpoint: () => save(objective, false),
    loss: training.loss ?? config.loss,
    ...(signal === undefined ? {} : { signal }),
  });
  if (writes) openOutput(config.output, resume || overwrite);
  if (resume) trainer.resume();
  if (writes) log.keepUntil(trainer.step);
  try {
    await trainer.run();
  } catch (error) {
    try {
      if (writes) writeReports(config, log);
    } catch {
      // What stopped the run is reported, not that its charts could not be written.
    }
    throw error;
  }
  if (writes) {
    writeReports(config, log);
    save(objective, true);
  }
  return last ?? log.read().at(-1);
}

/** @throws TrainingConfigError when a run is there and nobody said what is to become of it; FileWriteError */
function openOutput(output: string, mayHoldRun: boolean): void {
  const { checkpoint, log } = trainingFiles(output);
  if (!mayHoldRun && (existsSync(checkpoint) || new TrainingLog(log).read().length > 0)) {
    throw new TrainingConfigError(`${output} holds a run already.`, "Resume it with --resume, begin anew with --overwrite, or name another `output`.", "output");
  }
  try {
    mkdirSync(output, { recursive: true });
  } catch (cause) {
    throw new FileWriteError(output, cause);
  }
}

export function sparsityObjective({ objective, tasks, seed }: TrainingConfig): SparsityObjective {
  const { form, band, initial, warmUp, multiplierBounds } = objective;
  return new SparsityObjective({
    tasks,
    form,
    band,
    initial,
    seed,
    ...(warmUp === undefined ? {} : { warmUp }),
    ...(multiplierBounds === undefined ? {} : { multiplierBounds }),
  });
}

/** Packs of the configured data. */
export function packStream(config: Pick<TrainingConfig, "data" | "tasks" | "seed">, model: Pick<FrozenModel, "directory" | "spec">, rows: RowSource): PackStream {
  const { data, seed } = config;
  return new PackStream(rows, exampleBuilder(config, model), { ...data, pooling: poolingOf(config), seed });
}

/** The first examples of the configured data, in the order of the files; at most `perTask` of each task. @throws TrainingDataError */
export async function readExamples(config: Pick<TrainingConfig, "data" | "tasks">, model: Pick<FrozenModel, "directory" | "spec">, perTask: number): Promise<TrainingExample[]> {
  using rows = await openRows(config.data.files);
  const build = exampleBuilder(config, model);
  const examples: TrainingExample[] = [];
  const counts = config.tasks.map(() => 0);
  for (let row = 0; row < rows.numRows && counts.some((count) => count < perTask); row++) {
    const where = rows.where(row);
    const value = await rows.read(row);
    const { task } = parseTrainingRow(value, config.tasks, where);
    if (counts[task]! >= perTask) continue;
    counts[task]! += 1;
    examples.push(build(value, where));
  }
  return examples;
}

/** From a row to what the model reads; a longer one than its context is an error, or left out by the packing. */
function exampleBuilder({ data, tasks }: Pick<TrainingConfig, "data" | "tasks">, { directory, spec }: Pick<FrozenModel, "directory" | "spec">) {
  const tokenizer = Tokenizer.load(directory);
  const { contextLength, endOfTextIds } = spec;
  const settings = { tokenizer, tasks, layout: data.layout, ...(endOfTextIds[0] === undefined ? {} : { endOfTextId: endOfTextIds[0] }) };
  return (value: unknown, where: string): TrainingExample => {
    const made = buildExample(parseTrainingRow(value, tasks, where), settings);
    if (made.tokens.length > contextLength && data.lengths === "error") {
      throw new TrainingDataError(`${where} has ${made.tokens.length} tokens; the model's context is ${contextLength}.`);
    }
    return made;
  };
}

export function poolingOf({ data }: Pick<TrainingConfig, "data">): { kind: "mean" } | { kind: "boundary"; tokens: number } {
  return data.pooling === "all" ? { kind: "mean" } : { kind: "boundary", tokens: data.pooling };
}

/** Settings that a resumed run must share with the one it goes on from. */
function courseOf(config: TrainingConfig, rows: RowSource): Record<string, unknown> {
  const { mode, sizes, data, tasks, router, loss, objective, temperature, optimizer, dtype, seed } = config;
  const named = { ...data, files: data.files.map((file) => basename(file)), rows: rows.numRows };
  return { mode, sizes, data: named, tasks, router, loss, objective, temperature, optimizer, dtype, seed };
}

function saveResult({ config, model }: TrainRoutersOptions, parameters: RouterParameters, objective: SparsityObjective, isLast: boolean): void {
  const files = trainingFiles(config.output);
  const options = { ...trainingModes(config, model), parameters, adapter: model.adapter, layers: routedLayers(model.spec), pooling: poolingOf(config), dtype: config.routerDType };
  const trainedOn = model.checkpointHash === undefined ? {} : { trainedOn: { name: basename(model.directory), hash: model.checkpointHash } };
  if (config.save !== "paw") saveRouterFile(files.routers, { ...options, ...trainedOn }, `${basename(model.directory)}, ${config.optimizer.steps} steps, seed ${config.seed}`);
  if (config.save !== "routers" && isLast) savePawCheckpoint(files.paw, { ...options, base: model.directory, objective, replace: true });
}

function writeReports({ output }: TrainingConfig, log: TrainingLog): void {
  const reports = log.read();
  if (reports.length === 0) return;
  const files = trainingFiles(output);
  const title = `Router training: ${basename(output)}`;
  writeFileWhole(files.svg, trainingReportSvg(reports, title));
  writeFileWhole(files.html, trainingReportHtml(reports, title));
}
