import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { routerDecides } from "@elastic-attention/router";
import { backendProvider, type Checkpoint, type FloatDType } from "@elastic-attention/tensor";
import { checkModel, chosenWeights, computeDType, countParameters, elasticModes, elasticSizes, type ModelAdapter, type ModelConfig, type ModelSpec, openModelFiles, predictMemory, routedLayers, routerFileName, WeightPlan } from "@elastic-attention/transformer";
import { promptInput, readPromptParts } from "../../prompt/prompt-input.js";
import { namedModel } from "../../engine/model-path.js";
import { openEngine } from "../../engine/open-engine.js";
import { chosenRouter, requestRouting } from "../../engine/request-settings.js";
import { headMapSvg } from "../../report/head-map-svg.js";
import { formatBytes, headMapText, nothingRouted, routerText, sparsityText, unroutedText } from "../../report/routing-report-text.js";
import type { CommandFunction } from "../../program/command-definition.js";
import { exitCodes } from "../../program/exit-codes.js";
import registerPackages from "../../program/register-packages.js";
import { streamAnswer } from "../answer/stream-answer.js";
import type { InspectOptions } from "./model-commands.js";

/** `inspect`: a checkpoint without loading it; with a prompt also its head map. */
export const inspect: CommandFunction<InspectOptions> = async ({ positional, options, signal }) => {
  registerPackages();
  const checkpoint = describeCheckpoint((await namedModel(options, signal)).path, options);
  const asked = positional[0] !== undefined || options.file !== undefined || options.messages !== undefined || options.svg !== undefined;
  if (!options.json) console.log(options.memory === true ? memoryText(checkpoint) : checkpointText(checkpoint));
  if (!asked) {
    if (options.json) console.log(JSON.stringify({ checkpoint }, undefined, 2));
    return 0;
  }
  const prompt = await readPromptParts(positional[0], options);
  await using engine = await openEngine(options, signal);
  const request = {
    maxNewTokens: 1,
    ...requestRouting(options),
    ...promptInput(prompt, engine.model),
    signal,
  };
  const { reason, report } = await streamAnswer(engine, request, () => {});
  if (reason === "aborted") return exitCodes.interrupted;
  if (options.svg !== undefined) writeFileSync(options.svg, headMapSvg(report, engine.model.name));
  if (options.json) {
    console.log(JSON.stringify({ checkpoint, router: engine.model.router, routerDescription: engine.model.routerDescription, report }, undefined, 2));
  } else {
    const router = routerText(report, engine.model, chosenRouter(options).name);
    const map = () => `${headMapText(report)}\n${sparsityText(report)} at ${report.promptTokens} tokens; router: ${router}`;
    console.log(`\n${nothingRouted(report) ? unroutedText(engine.model) : map()}`);
    if (options.svg !== undefined) console.log(`Wrote ${options.svg}`);
  }
  return 0;
};

type Description = ReturnType<typeof describeCheckpoint>;

function describeCheckpoint(path: string, options: InspectOptions) {
  using files = openModelFiles(path);
  const { checkpoint, config, directory } = files;
  const { adapter, spec, hasOwnHead, unknownKeys, unreadTensors } = checkModel(files);
  const names = [...checkpoint.names];
  const dtype = options.dtype ?? (options.weights === "f32" ? "f32" : computeDType(spec));
  const { name, blockWeights } = backendProvider(options.backend);
  const backend = blockWeights === undefined ? { name } : { name, blockWeights };
  const plan = WeightPlan.of({ checkpoint, adapter, spec, dtype, backend, weights: chosenWeights(options.weights, options.dtype, backend), quantisation: files.quantisation });
  const memory = promptMemory(spec, config, dtype, plan, options);
  return {
    path,
    spec,
    adapter: adapter.name,
    parameters: countParameters(spec),
    tensors: names.length,
    types: countTypes(checkpoint),
    unknownKeys,
    unreadTensors,
    hasOwnHead,
    router: routerOf(directory, trainedRouter(checkpoint, adapter, spec), options),
    memory,
  };
}

/** How many tensors there are of each type, the most frequent one first. */
function countTypes(checkpoint: Checkpoint): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const name of checkpoint.names) {
    const { type } = checkpoint.entry(name);
    counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort((a, b) => b[1] - a[1]));
}

/** The routers that the checkpoint itself has, in words; undefined where it has none. */
function trainedRouter(checkpoint: Checkpoint, adapter: ModelAdapter, spec: ModelSpec): string | undefined {
  const decides = routedLayers(spec).map((layer) => routerDecides(checkpoint, adapter.weightName("router", layer))).find((found) => found !== undefined);
  return decides === undefined ? undefined : decides === "heads" ? "trained" : "trained, one decision for all heads of a layer (Flux Attention)";
}

/** What will decide: see `LocalEngineOptions`. */
function routerOf(directory: string, trained: string | undefined, { heads, router }: InspectOptions): string {
  if (heads !== undefined) return `head list ${heads}`;
  if (router !== undefined) return router;
  const has = (file: string) => existsSync(join(directory, file));
  if (has(routerFileName)) return `trained, in ${routerFileName}`;
  if (trained !== undefined) return trained;
  return has("heads.json") ? "none in the checkpoint; head list heads.json" : "none in the checkpoint";
}

/** What a prompt would need: the prediction by which the engine admits requests. */
function promptMemory(spec: ModelSpec, config: ModelConfig, dtype: FloatDType, plan: WeightPlan, options: InspectOptions) {
  const { tokens, sparsity = 0, mode, backend } = options;
  const { retrievalMode, sparseMode } = mode === undefined ? (spec.elastic ?? elasticModes("fa-ssa", elasticSizes(config))) : elasticModes(mode, elasticSizes(config));
  const { chunkRows, readsRoundedCache } = backendProvider(backend).workSizes;
  return { tokens, dtype, weights: plan.text, sparsity, ...predictMemory(spec, { dtype, cacheType: options.cacheType, readsRoundedCache, chunkRows, weightBytes: plan.byteLength, sequences: [{ tokens, sparsity, retrievalMode, sparseMode }] }) };
}

function memoryText({ memory }: Description): string {
  const rows: readonly (readonly [string, number])[] = [
    [`weights (${memory.weights})`, memory.weightBytes],
    ["rotary tables", memory.tableBytes],
    ["activations", memory.activationBytes],
    ["keys and values", memory.keyValueBytes],
    ["  with every head full", memory.fullKeyValueBytes],
    ["highest sum at once", memory.peakBytes],
  ];
  const head = `memory of a prompt of ${memory.tokens} tokens in ${memory.dtype}, ${(100 * memory.sparsity).toFixed(0)}% of the heads sparse`;
  return [head, ...rows.map(([label, bytes]) => `  ${label.padEnd(24)}${formatBytes(bytes).padStart(10)}`)].join("\n");
}

function checkpointText({ path, spec, adapter, parameters, tensors, types, unknownKeys, unreadTensors, hasOwnHead, router, memory }: Description): string {
  const modes = spec.elastic === undefined ? "none" : `${spec.elastic.retrievalMode.kind} / ${spec.elastic.sparseMode.kind}`;
  return [
    (path),
    `  architecture   ${spec.architecture} (adapter ${adapter}), ${(parameters / 1e6).toFixed(1)} M parameters in ${tensors} tensors (${Object.entries(types).map(([type, count]) => `${count} ${type}`).join(", ")})`,
    `  layers         ${spec.numLayers}, hidden ${spec.hiddenSize}, feed-forward ${spec.layers[0]!.feedForward.intermediateSize}`,
    ...windowsText(spec),
    `  heads          ${spec.numQueryHeads} query, ${spec.numKeyValueHeads} key-value, head dimension ${spec.headDim}`,
    `  context        ${spec.contextLength} tokens, vocabulary ${spec.vocabularySize}${spec.tiedEmbeddings ? ", tied output" : hasOwnHead ? ", an output of its own although tie_word_embeddings is true" : ""}`,
    ...(unknownKeys.length === 0 ? [] : [`  unknown keys   ${unknownKeys.join(", ")}`]),
    ...(unreadTensors.length === 0 ? [] : [`  not used       ${unreadTensors.join(", ")}`]),
    `  elastic modes  ${modes}; router: ${router}`,
    `  memory         at ${memory.tokens} tokens in ${memory.dtype}: weights (${memory.weights}) ${formatBytes(memory.weightBytes)}, activations ${formatBytes(memory.activationBytes)}, keys and values ${formatBytes(memory.keyValueBytes)}, at most ${formatBytes(memory.peakBytes)} at once`,
  ].join("\n");
}

/** What the layers with a sliding window are, where there are any. */
function windowsText({ layers, numLayers }: ModelSpec): readonly string[] {
  const sliding = layers.flatMap(({ window }, layer) => (window === undefined ? [] : [layer]));
  if (sliding.length === 0) return [];
  const windows = [...new Set(layers.flatMap(({ window }) => window ?? []))];
  const which = sliding.length === numLayers ? "all of them" : `layers ${sliding.join(", ")}; routers decide about the other ${numLayers - sliding.length}`;
  return [`  windows        of ${windows.join(", ")} tokens in ${which}`];
}
