import { statSync } from "node:fs";
import { totalmem } from "node:os";
import { basename, resolve } from "node:path";
import { OutOfMemoryError } from "@elastic-attention/core";
import type { ModelPlan, ModelProgress, ResolvedModel } from "@elastic-attention/hub";
import type { FloatDType } from "@elastic-attention/tensor";
import { computeDType, findGguf, hasElasticKeys, interpretConfig, ModelConfig, type ModelSpec, predictWeightBytes, routerFileName, type WeightChoice } from "@elastic-attention/transformer";
import { headListName } from "./request/router-choice.js";
import { missingRouter, needsRouter, type RoutingWish } from "./request/request-routing.js";
import { checkGgufPlan } from "./check-gguf-plan.js";

/** How a model is found, and what is known of how it will be used: what cannot work is refused before weights are fetched. */
export interface FindModelOptions {
  /** The backend that it is loaded on; undefined: it is fetched only. */
  readonly backend?: string;
  /** What it is computed in; default: as its config says. */
  readonly dtype?: FloatDType;
  /** What its matrices will be kept in; default: as engines choose. */
  readonly weights?: WeightChoice | "automatic";
  /** What requests will ask of its routers. */
  readonly routing?: RoutingWish;
  /** Whether a router or head list is given beside the model. */
  readonly hasRouter?: boolean;
  readonly onFetch?: (progress: ModelProgress) => void;
  readonly signal?: AbortSignal;
}

/** Names like these may be a model of the hub, also where a folder of that name shadows it. */
const repositoryName = /^[^./~\\][^/\\]*\/[^/\\]+$/;

/**
 * The model that a name means, everywhere a model is named: a folder, a .safetensors or .gguf file, or
 * `org/name[@revision][:file or quantisation]` of the Hugging Face hub and its cache, fetched where it has to be. A model that
 * could not be loaded is refused before its weights are fetched.
 *
 * @throws the errors of `resolveModel`, `interpretConfig` and `openGgufModel`, InvalidRequestError for a router that is wanted
 *   and missing, OutOfMemoryError
 */
export async function findModel(name: string, options: FindModelOptions = {}): Promise<ResolvedModel> {
  if (!repositoryName.test(name) && isModel(name)) return { path: name, name: basename(resolve(name)), notes: [], hub: undefined };
  // The hub's client is large, and not needed for what is here.
  const { resolveModel } = await import("@elastic-attention/hub");
  const { signal, onFetch } = options;
  return resolveModel(name, {
    check: (plan) => checkPlan(plan, options),
    ...(signal === undefined ? {} : { signal }),
    ...(onFetch === undefined ? {} : { onProgress: onFetch }),
  });
}

function isModel(path: string): boolean {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) return false;
  return !status.isDirectory() || statSync(resolve(path, "config.json"), { throwIfNoEntry: false }) !== undefined || findGguf(path) !== undefined;
}

async function checkPlan(plan: ModelPlan, options: FindModelOptions): Promise<void> {
  const config = plan.config === undefined ? await checkGgufPlan(plan) : new ModelConfig(plan.config, `config.json of ${plan.name}`);
  if (config === undefined) return;
  const { spec } = interpretConfig(config);
  const { routing, hasRouter = false } = options;
  const comesWithRouters = hasElasticKeys(config) || plan.files.some((path) => path === routerFileName || path === headListName);
  if (routing !== undefined && needsRouter(routing) && !hasRouter && !comesWithRouters) throw missingRouter(routing.mode, routing.sparsity);
  checkMemory(plan, spec, options);
}

/** What the processor's memory cannot hold; a card's memory is asked when its backend has started. */
function checkMemory({ name, format, weightBytes }: ModelPlan, spec: ModelSpec, { backend, dtype: askedDType, weights }: FindModelOptions): void {
  if (backend !== "cpu" && backend !== "reference") return;
  const dtype = askedDType ?? computeDType(spec);
  const limit = process.constrainedMemory?.() ?? 0;
  const memory = limit > 0 && limit < totalmem() ? limit : totalmem();
  // Weights that are computed on as they are stored, or quantised, take about what the file does, or less.
  const unpacked = predictWeightBytes(spec, dtype);
  // What is certain to be needed: a backend may compute on a file as it is unless told otherwise.
  const mayBeStored = weights === "stored" || ((weights ?? "automatic") === "automatic" && askedDType !== "f32" && format === "gguf");
  const needed = weights === "q8_0" || weights === "q4_k" ? unpacked / 4 : mayBeStored ? Math.min(weightBytes, unpacked) : unpacked;
  if (needed > memory) throw new OutOfMemoryError(backend, needed, 0, memory, `the weights of ${name} in ${dtype}`, "Take a smaller model, or a machine with more memory.");
}
