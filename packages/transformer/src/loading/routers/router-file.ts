import { existsSync } from "node:fs";
import { join } from "node:path";
import { ShapeError, UnsupportedRouterError } from "@elastic-attention/core";
import { hasRouterWeights, loadRouterWeights, type RouterPooling, type RouterWeights } from "@elastic-attention/router";
import { type Backend, type Checkpoint, SafetensorsCheckpoint, SafetensorsFile } from "@elastic-attention/tensor";
import { type ElasticSizes, elasticSizes, type ElasticSpec, parseElastic, parseRouterPooling } from "../../model/elastic-spec.js";
import { checkpointHash } from "./checkpoint-hash.js";
import type { CheckedModel } from "../checked-model.js";
import { findRouters } from "./known-routers.js";
import { hostFloats } from "../host-floats.js";
import type { ModelAdapter } from "../../model/model-adapter.js";
import { ModelConfig } from "../../model/model-config.js";
import { type ModelSpec, routedLayers } from "../../model/model-spec.js";
import type { ModelFiles } from "../model-files.js";

/** File of routers alone that a model folder may hold: it takes the place of routers in the checkpoint. */
export const routerFileName = "routers.safetensors";

/** Value of `format` in the metadata of a file that holds routers alone. */
export const routerFileFormat = "elastic-attention routers";

const trainedFileHint = "Name a file that `elastic-attention train` wrote.";

/** Routers that came with a checkpoint or in a file of their own, and what they were trained for. */
export interface LoadedRouters {
  /** One for each layer that sees the whole context (`routedLayers`); the caller disposes each. */
  readonly layers: readonly RouterWeights[];
  /** Modes and sizes that the file names; undefined when it names none. */
  readonly elastic: { readonly spec: ElasticSpec; readonly sizes: ElasticSizes; readonly pooling: RouterPooling } | undefined;
}

/**
 * The file of routers alone that decides for a model: the one that was asked for, else that of its folder, else, for a checkpoint
 * that brings none, the one that is known for it (`registerRouters`).
 */
export function routerFileOf({ files, adapter, spec }: Pick<CheckedModel, "files" | "adapter" | "spec">, { asked, knows = true }: { readonly asked?: string | undefined; readonly knows?: boolean } = {}): string | undefined {
  const beside = join(files.directory, routerFileName);
  if (asked !== undefined) return asked;
  if (existsSync(beside)) return beside;
  return knows && !hasOwnRouters(files, adapter, spec) ? findRouters(checkpointHash(files.checkpoint, adapter))?.path : undefined;
}

/** Whether a checkpoint holds routers, or by its architecture must. */
export function hasOwnRouters({ config, checkpoint }: Pick<ModelFiles, "config" | "checkpoint">, adapter: ModelAdapter, spec: ModelSpec): boolean {
  const isIn = (layer: number) => hasRouterWeights(checkpoint, adapter.weightName("router", layer));
  return config.architecture.startsWith("Paw") || routedLayers(spec).some(isIn);
}

/** Reads the routers of every layer that sees the whole context from an open checkpoint. @throws MissingTensorError, ShapeError, UnsupportedRouterError */
export function loadRouters(checkpoint: Checkpoint, adapter: ModelAdapter, spec: ModelSpec, backend: Backend): RouterWeights[] {
  const layers: RouterWeights[] = [];
  try {
    for (const layer of routedLayers(spec)) {
      layers.push(loadRouterWeights(checkpoint, adapter.weightName("router", layer), backend, spec.headDim, hostFloats));
    }
    return layers;
  } catch (error) {
    for (const weights of layers) weights[Symbol.dispose]();
    throw error;
  }
}

/**
 * Reads a file of routers alone, for the checkpoint that they were trained on. A file that does not name it serves any of the same
 * layers and head dimension.
 *
 * @param base the checkpoint that they are to decide for; without it nobody asks whether they are its routers
 * @throws UnsupportedRouterError for a file without routers, for none, and for routers of another checkpoint; ShapeError for routers of another model
 */
export function loadRouterFile(path: string, adapter: ModelAdapter, spec: ModelSpec, backend: Backend, base?: Checkpoint): LoadedRouters {
  if (!existsSync(path)) throw new UnsupportedRouterError(`${path} does not exist.`, trainedFileHint);
  using file = SafetensorsFile.open(path);
  if (base !== undefined) expectBase(path, file.metadata, checkpointHash(base, adapter));
  const given = file.metadata.get("elastic");
  using checkpoint = SafetensorsCheckpoint.open(path);
  const routed = routedLayers(spec);
  const has = (layer: number) => hasRouterWeights(checkpoint, adapter.weightName("router", layer));
  if (!Array.from({ length: spec.numLayers }, (_, layer) => layer).some(has)) {
    throw new UnsupportedRouterError(`${path} holds no routers for a model of this layout.`, trainedFileHint);
  }
  const missing = routed.find((layer) => !has(layer));
  if (missing !== undefined || has(spec.numLayers)) {
    const count = missing === undefined ? `more than ${spec.numLayers}` : `${routed.indexOf(missing)}`;
    throw new ShapeError(`${path} holds routers of ${count} layers, the model has ${routed.length} that a router decides about.`);
  }
  const config = given === undefined ? undefined : elasticConfig(path, given, spec.architecture);
  // Everything that may be wrong is read before there is memory to give back.
  const elastic = config === undefined ? undefined : elasticSettings(config);
  return { layers: loadRouters(checkpoint, adapter, spec, backend), elastic };
}

/** @throws UnsupportedRouterError for routers of another checkpoint, which would decide by keys that they have never seen */
function expectBase(path: string, metadata: ReadonlyMap<string, string>, hash: string | undefined): void {
  const [trainedOn, name] = [metadata.get("base"), metadata.get("base_name")];
  if (trainedOn === undefined || hash === undefined || trainedOn === hash) return;
  throw new UnsupportedRouterError(
    `${path} holds routers of another checkpoint${name === undefined ? "" : `, ${name}`} (hash ${trainedOn}, this one has ${hash}).`,
    `Load ${name ?? "the checkpoint that they were trained on"}, or train routers for this one.`,
  );
}

/** Undefined for a config without elastic keys. @throws ModelConfigError */
function elasticSettings(config: ModelConfig): LoadedRouters["elastic"] {
  const spec = parseElastic(config);
  return spec === undefined ? undefined : { spec, sizes: elasticSizes(config), pooling: parseRouterPooling(config) };
}

function elasticConfig(path: string, text: string, architecture: string): ModelConfig {
  try {
    return new ModelConfig({ ...(JSON.parse(text) as Record<string, unknown>), architectures: [architecture] }, `${path}: elastic`);
  } catch (cause) {
    throw new UnsupportedRouterError(`${path}: its elastic settings are not JSON: ${(cause as Error).message}.`);
  }
}
