import { availableParallelism, cpus } from "node:os";
import type { Communicator } from "@elastic-attention/distributed";
import type { LocalEngine } from "@elastic-attention/generation";
import { readHeadScores } from "../baselines/head-scores-file.js";
import type { Variant } from "../baselines/variant.js";
import { packageVersion } from "../package-version.js";
import type { ChatFormat } from "../suite.js";
import { hashFile, hashModel } from "./model-hash.js";
import type { RunDescription } from "./run-settings.js";
import type { PlannedSuite } from "./sample-plan.js";

/** As many as RULER has samples of a length. */
export const defaultBatch = 20;

/** What a run is asked to do. */
export interface RunRequest {
  readonly suites: readonly PlannedSuite[];
  readonly variants: readonly Variant[];
  /** How many samples of each task and length the sweep is run on; default all. */
  readonly sweepSamples?: number;
  /** Of prompts and random heads. */
  readonly seed: number;
  readonly chatFormat: ChatFormat;
  readonly strict: boolean;
  readonly chainOfThought: boolean;
  readonly decode: "routed" | "full";
  /** Name of a registered router (`registerRouter`), which decides the elastic variants instead of the model's own. */
  readonly router?: string;
  /**
   * Samples that are answered together at most: their prompts are read one by one, their answers grow in one batch. It
   * changes times only. Default {@link defaultBatch}.
   */
  readonly batch?: number;
  /** Where data came from, by suite; for the report. */
  readonly data: Readonly<Record<string, string>>;
  /** The command line, for the report. */
  readonly command?: string;
}

/** Files that were given to the engine, instead of what the model's folder holds. */
export interface GivenFiles {
  readonly headList?: string;
  readonly routers?: string;
}

/** Writes down everything that is needed to repeat a run. Hashes the model, which reads all of it. @throws HeadListError */
export async function describeRun(
  engine: LocalEngine,
  request: RunRequest,
  communicator: Communicator,
  { headList, routers }: GivenFiles = {},
  signal?: AbortSignal,
): Promise<RunDescription> {
  const { model, pretrained } = engine;
  const { suites, variants, sweepSamples, data, command } = request;
  const { router } = request;
  const { seed, chatFormat, strict, chainOfThought, decode } = request;
  const headListHashes: string[] = [];
  for (const variant of variants) {
    if (variant.kind !== "list") continue;
    // First as what it should be: its errors say more than the system's.
    readHeadScores(variant.file);
    headListHashes.push(await hashFile(variant.file, signal));
  }
  return {
    settings: {
      suites: suites.map(({ suite, tasks, lengths, samplesPerTask }) => ({
        name: suite.name,
        tasks: tasks.map(({ name }) => name),
        ...(lengths === undefined ? {} : { lengths }),
        ...(samplesPerTask === undefined ? {} : { samplesPerTask }),
        ...(data[suite.name] === undefined ? {} : { data: data[suite.name]! }),
      })),
      model: model.name,
      modelHash: await hashModel(pretrained.directory, headList, signal),
      dtype: model.dtype,
      backend: model.backend,
      variants,
      headListHashes,
      ...(routers === undefined ? {} : { routersHash: await hashFile(routers, signal) }),
      ...(router === undefined ? {} : { router }),
      modeSizes: { ...pretrained.sizes },
      ...(sweepSamples === undefined ? {} : { sweepSamples }),
      seed,
      chatFormat,
      strict,
      chainOfThought,
      decode,
      version: packageVersion,
    },
    environment: {
      startedAt: new Date().toISOString(),
      device: engine.backend.device.description,
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      processor: cpus()[0]?.model ?? "unknown",
      cores: availableParallelism(),
      ranks: communicator.size,
      batch: request.batch ?? defaultBatch,
      communicator: communicator.name,
      parameters: model.parameters,
      architecture: model.architecture,
      contextLength: model.contextLength,
      router: router ?? model.router,
      ...(routers === undefined ? {} : { routersFile: routers }),
      numLayers: model.numLayers,
      numKeyValueHeads: model.numKeyValueHeads,
      ...(command === undefined ? {} : { command }),
    },
  };
}
