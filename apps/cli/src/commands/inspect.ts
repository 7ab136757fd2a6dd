import { writeFileSync } from "node:fs";
import { SafetensorsCheckpoint } from "@elastic-attention/tensor";
import { countParameters, findModelAdapter, ModelConfig, predictPrefillMemory } from "@elastic-attention/transformer";
import { promptInput, readPrompt } from "../documents/read-prompt.js";
import { modelPath, type ModelOptions, openEngine, type RoutingOptions } from "../model-options.js";
import registerPackages from "../register-packages.js";
import { headMapSvg } from "../report/head-map-svg.js";
import { formatBytes, headMapText } from "../report/routing-report-text.js";
import { type CommandFunction, interrupted } from "../run-command.js";
import { streamAnswer } from "../terminal/stream-answer.js";

type InspectOptions = ModelOptions & RoutingOptions & {
  readonly file?: readonly string[];
  readonly raw?: boolean;
  readonly tokens: number;
  readonly svg?: string;
};

/** `inspect`: a checkpoint without loading it; with a prompt also its head map. */
export const inspect: CommandFunction<InspectOptions> = async ({ positional, options, signal }) => {
  registerPackages();
  const checkpoint = describeCheckpoint(modelPath(options), options);
  const asked = positional[0] !== undefined || options.file !== undefined || options.svg !== undefined;
  if (!options.json) console.log(checkpointText(checkpoint));
  if (!asked) {
    if (options.json) console.log(JSON.stringify({ checkpoint }, undefined, 2));
    return 0;
  }
  const prompt = await readPrompt(positional[0], options.file);
  await using engine = await openEngine(options, signal);
  const { mode, sparsity } = options;
  const request = {
    maxNewTokens: 1,
    ...(mode === undefined ? {} : { mode }),
    ...(sparsity === undefined ? {} : { sparsity }),
    ...promptInput(prompt, engine.model.hasChatTemplate, options.raw),
    signal,
  };
  const { reason, report } = await streamAnswer(engine, request, () => {});
  if (reason === "aborted") return interrupted;
  if (options.svg !== undefined) writeFileSync(options.svg, headMapSvg(report, engine.model.name));
  if (options.json) {
    console.log(JSON.stringify({ checkpoint, router: engine.model.router, report }, undefined, 2));
  } else {
    console.log(`\n${headMapText(report)}\nMSR ${report.modelSparsity.toFixed(3)}, ESR ${report.effectiveSparsity.toFixed(3)} at ${report.promptTokens} tokens`);
    if (options.svg !== undefined) console.log(`Wrote ${options.svg}`);
  }
  return 0;
};

type Description = ReturnType<typeof describeCheckpoint>;

function describeCheckpoint(path: string, { dtype, tokens, router }: InspectOptions) {
  using checkpoint = SafetensorsCheckpoint.open(path);
  const config = ModelConfig.read(path);
  const adapter = findModelAdapter(config);
  const spec = adapter.spec(config);
  const names = [...checkpoint.names];
  const computed = dtype ?? (spec.checkpointDType === "f32" ? "f32" : "bf16");
  return {
    path,
    spec,
    adapter: adapter.name,
    parameters: countParameters(spec),
    tensors: names.length,
    router: router ?? (names.some((name) => name.includes("mask_allocator.cls_router_head_agnostic")) ? "trained" : "none in the checkpoint"),
    memory: { tokens, dtype: computed, ...predictPrefillMemory(spec, computed, tokens) },
  };
}

function checkpointText({ path, spec, adapter, parameters, tensors, router, memory }: Description): string {
  const modes = spec.elastic === undefined ? "none" : `${spec.elastic.retrievalMode.kind} / ${spec.elastic.sparseMode.kind}`;
  return [
    (path),
    `  architecture   ${spec.architecture} (adapter ${adapter}), ${(parameters / 1e6).toFixed(1)} M parameters in ${tensors} tensors, ${spec.checkpointDType}`,
    `  layers         ${spec.numLayers}, hidden ${spec.hiddenSize}, feed-forward ${spec.intermediateSize}`,
    `  heads          ${spec.numQueryHeads} query, ${spec.numKeyValueHeads} key-value, head dimension ${spec.headDim}`,
    `  context        ${spec.contextLength} tokens, vocabulary ${spec.vocabularySize}${spec.tiedEmbeddings ? ", tied output" : ""}`,
    `  elastic modes  ${modes}; router: ${router}`,
    `  memory         at ${memory.tokens} tokens in ${memory.dtype}: activations ${formatBytes(memory.activationBytes)}, keys and values with every head full ${formatBytes(memory.fullCacheBytes)}`,
  ].join("\n");
}
