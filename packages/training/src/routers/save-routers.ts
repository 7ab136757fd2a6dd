import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FileWriteError, TrainingConfigError } from "@elastic-attention/core";
import type { AttentionMode } from "@elastic-attention/attention";
import { SafetensorsCheckpoint, toBFloat16, type TensorSource, writeSafetensors } from "@elastic-attention/tensor";
import { findGguf, type ModelAdapter, routerFileFormat, routerFileName } from "@elastic-attention/transformer";
import type { PackOptions } from "../data/pack-stream.js";
import type { SparsityObjective } from "../objective/sparsity-objective.js";
import type { RouterParameters } from "./router-parameters.js";
import { inferenceTensors } from "./two-classes.js";

/** What routers were trained between. */
export interface RouterModes {
  readonly retrievalMode: AttentionMode;
  readonly sparseMode: AttentionMode;
  readonly pooling: PackOptions["pooling"];
}

export interface SaveRoutersOptions extends RouterModes {
  readonly parameters: RouterParameters;
  readonly adapter: Pick<ModelAdapter, "weightName">;
  /** The layers that the routers belong to, in order. Default the first ones. */
  readonly layers?: readonly number[];
  /** Default "f32". */
  readonly dtype?: "f32" | "bf16";
  /** The checkpoint that they were trained on (`checkpointHash`): a file that names it serves no other. */
  readonly trainedOn?: { readonly name: string; readonly hash: string };
}

/**
 * Writes the routers alone: a small safetensors file with the published tensor names, which any base checkpoint of the
 * same shape takes where it does not say what they were trained on. The modes and sizes stand in its metadata as config.json would
 * name them.
 */
export function saveRouterFile(path: string, options: SaveRoutersOptions, description = ""): void {
  const { trainedOn } = options;
  const base = trainedOn === undefined ? {} : { base: trainedOn.hash, base_name: trainedOn.name };
  writeSafetensors(path, routerTensors(options), { format: routerFileFormat, elastic: JSON.stringify(elasticKeys(options)), description, ...base });
}

export interface SavePawOptions extends SaveRoutersOptions {
  /** Folder of the base model. */
  readonly base: string;
  readonly objective?: SparsityObjective;
  /** Takes the place of a folder that is there, once the new one is complete. */
  readonly replace?: boolean;
}

/**
 * Writes a whole checkpoint in the published layout (reference semantics 2): the base model's files, the routers in a
 * shard of their own, and config.json with the elastic keys under the `Paw` architecture. The folder appears complete or
 * not at all.
 * @throws FileWriteError; TrainingConfigError when the folder exists or the base model's architecture has no published elastic form
 */
export function savePawCheckpoint(directory: string, options: SavePawOptions): void {
  const { base, objective, replace = false } = options;
  if (existsSync(directory) && !replace) throw new TrainingConfigError(`${directory} exists already.`, "Name a new folder.");
  checkPawBase(base);
  checkPawModes(options);
  const config = JSON.parse(readFileSync(join(base, "config.json"), "utf8")) as Record<string, unknown>;
  const partial = `${directory}.${process.pid}.partial`;
  mkdirSync(partial, { recursive: true });
  try {
    const architecture = pawArchitecture(config);
    const weightMap = copyBase(base, partial);
    const tensors = routerTensors(options);
    if (objective !== undefined) addMultipliers(tensors, objective);
    const shard = "model-routers.safetensors";
    writeSafetensors(join(partial, shard), tensors, { format: "pt" });
    for (const name of tensors.keys()) {
      if (weightMap[name] !== undefined) throw new TrainingConfigError(`${base} has routers of its own.`, "Save the routers alone: they take their place.");
      weightMap[name] = shard;
    }
    writeFileSync(join(partial, "model.safetensors.index.json"), JSON.stringify({ metadata: {}, weight_map: weightMap }, undefined, 1));
    const keys = { ...elasticKeys(options), ...publishedKeys, architectures: [architecture] };
    writeFileSync(join(partial, "config.json"), `${JSON.stringify({ ...config, ...keys }, undefined, 2)}\n`);
    if (replace) rmSync(directory, { recursive: true, force: true });
    renameSync(partial, directory);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    throw isSystemError(error) ? new FileWriteError(directory, error) : error;
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === "string";
}

/** Settings of the published training that inference does not read, as the published configs carry them. */
const publishedKeys = {
  pooling_mode: "ctx_q",
  use_softmax: true,
  enable_ada_sparsity: true,
  enable_lambda_task: true,
  use_task_emb_for_mask: false,
  disable_linear_regularization_term: false,
};

/** A whole checkpoint repeats the base model's files, which must be in its layout. @throws TrainingConfigError for a GGUF file */
export function checkPawBase(base: string): void {
  if (findGguf(base) === undefined) return;
  throw new TrainingConfigError(`${base} is a GGUF file, from which no checkpoint in the published layout is made.`, 'Set "save" to "routers": the file of routers is used beside the model.');
}

/** @throws TrainingConfigError for modes that the published layout has no names for */
export function checkPawModes({ retrievalMode, sparseMode }: Pick<RouterModes, "retrievalMode" | "sparseMode">): void {
  if (publishedModes({ retrievalMode, sparseMode }) !== undefined) return;
  throw new TrainingConfigError(`The published layout has no names for the modes "${retrievalMode.kind}" and "${sparseMode.kind}".`, 'Set "save" to "routers": the file of routers names them.');
}

function pawArchitecture(config: Readonly<Record<string, unknown>>): string {
  const architecture = String((config["architectures"] as unknown[] | undefined)?.[0]).replace(/^Paw/, "");
  if (!["Qwen3ForCausalLM", "LlamaForCausalLM"].includes(architecture)) {
    throw new TrainingConfigError(`${architecture} has no published elastic form.`, "Save the routers alone instead.");
  }
  return `Paw${architecture}`;
}

/**
 * The keys of reference semantics 2.1 (and ours for what they cannot say) for a pair of modes. A pair that they have no name for
 * stands as it is under `elastic_modes`.
 */
export function elasticKeys({ retrievalMode, sparseMode, pooling }: RouterModes): Record<string, unknown> {
  const keys: Record<string, unknown> = publishedModes({ retrievalMode, sparseMode }) ?? { elastic_modes: [retrievalMode, sparseMode] };
  for (const mode of [retrievalMode, sparseMode] as readonly Readonly<Record<string, unknown>>[]) {
    if (mode["blockSize"] !== undefined) keys["block_size"] = mode["blockSize"];
    if (mode["kind"] === "streaming") Object.assign(keys, { sink_size: mode["sinkTokens"], local_window_size: mode["localTokens"] });
    if (mode["kind"] === "xattention") Object.assign(keys, { xattn_stride: mode["stride"], xattn_threshold: mode["threshold"] });
  }
  const tokens = pooling.kind === "mean" ? 0 : pooling.tokens;
  if (tokens !== 100) keys["router_pooling_tokens"] = tokens;
  return keys;
}

const retrievalNames: Readonly<Record<string, string>> = { full: "full", xattention: "xattn" };
const sparseNames: Readonly<Record<string, string>> = { streaming: "streaming", xattention: "xattn" };

/** The published names of a pair; undefined where one of the two has none. */
function publishedModes({ retrievalMode, sparseMode }: Pick<RouterModes, "retrievalMode" | "sparseMode">): Record<string, string> | undefined {
  const [retrieval, sparse] = [retrievalNames[retrievalMode.kind], sparseNames[sparseMode.kind]];
  return retrieval === undefined || sparse === undefined ? undefined : { retrieval_mode: retrieval, toggle_type: sparse };
}

function routerTensors({ parameters, adapter, layers, dtype = "f32" }: SaveRoutersOptions): Map<string, TensorSource> {
  const tensors = new Map<string, TensorSource>();
  for (const [index, layer] of (layers ?? [...parameters.layers.keys()]).entries()) {
    for (const { name, shape, values } of inferenceTensors(parameters, index)) {
      const bits = () => (dtype === "f32" ? Float32Array.from(values) : Uint16Array.from(values, toBFloat16));
      tensors.set(`${adapter.weightName("router", layer)}${name}`, { type: dtype === "f32" ? "F32" : "BF16", shape, bytes: () => bytesOf(bits()) });
    }
  }
  return tensors;
}

/** The multipliers as the published training keeps them. */
function addMultipliers(tensors: Map<string, TensorSource>, { linear, quadratic }: SparsityObjective): void {
  const add = (name: string, values: Float32Array) => tensors.set(name, { type: "F32", shape: [values.length], bytes: () => bytesOf(values) });
  add("model.sparsity_lambda1_task", linear);
  add("model.sparsity_lambda2_task", quadratic);
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Uint16Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Copies the base model's files, but what routes its heads; returns which file holds each of its tensors. */
function copyBase(base: string, target: string): Record<string, string> {
  const weightMap: Record<string, string> = {};
  for (const name of readdirSync(base)) {
    if (["config.json", "heads.json", routerFileName, "model.safetensors.index.json"].includes(name)) continue;
    cpSync(join(base, name), join(target, name), { recursive: true, dereference: true });
  }
  const [single, index] = [join(base, "model.safetensors"), join(base, "model.safetensors.index.json")];
  const shards = existsSync(index) ? (JSON.parse(readFileSync(index, "utf8")) as { weight_map: Record<string, string> }).weight_map : {};
  // As the checkpoint is read: beside a single file that it does not name, an index is of an older save.
  if (Object.values(shards).includes("model.safetensors") || !existsSync(single)) Object.assign(weightMap, shards);
  else {
    using checkpoint = SafetensorsCheckpoint.open(base);
    for (const name of checkpoint.names) weightMap[name] = "model.safetensors";
  }
  return weightMap;
}
