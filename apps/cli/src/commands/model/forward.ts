import { InvalidOptionError, ShapeError } from "@elastic-attention/core";
import { chooseRouter as chooseModelRouter, routeRequest } from "@elastic-attention/generation";
import type { Router } from "@elastic-attention/router";
import { SafetensorsFile, type TensorSource, writeSafetensors } from "@elastic-attention/tensor";
import { elasticModes, forward as runForward, PretrainedModel, routedLayers } from "@elastic-attention/transformer";
import { namedModel } from "../../engine/model-path.js";
import { chosenRouter, requestRouting } from "../../engine/request-settings.js";
import { startBackend } from "../../engine/start-backend.js";
import type { CommandFunction } from "../../program/command-definition.js";
import registerPackages from "../../program/register-packages.js";
import type { ForwardOptions } from "./model-commands.js";

/** `forward`: logits, routing and router logits of one prompt, for anyone who compares implementations. */
export const forward: CommandFunction<ForwardOptions> = async ({ positional, options, signal }) => {
  registerPackages();
  const chosen = chosenModel(positional[0], options);
  const { file: routers } = chosenRouter(options);
  if (options.heads !== undefined && options.router !== undefined) {
    throw new InvalidOptionError("--heads and --router cannot be given together.", "--heads", "Give the one that decides.");
  }
  const { path } = await namedModel(chosen, signal);
  const tokens = readIds(options.ids);
  using backend = await startBackend(options);
  using model = await PretrainedModel.open({
    path,
    backend,
    signal,
    ...(options.dtype === undefined ? {} : { dtype: options.dtype }),
    // Comparisons want the weights' own values: rounding activations to int8 is left to those who ask for it.
    weights: options.weights ?? "unpacked",
    ...(routers === undefined ? {} : { routers }),
  });
  const result = await runForward(model.decoder, tokens, options.last, chooseRouter(model, options));
  const { numLayers, numKeyValueHeads, vocabularySize } = model.spec;
  const tensors = new Map<string, TensorSource>([
    ["logits", { type: "F32", shape: [result.rows, vocabularySize], bytes: () => bytesOf(result.logits) }],
    ["full_heads", { type: "U8", shape: [numLayers, numKeyValueHeads], bytes: () => result.fullHeads }],
  ]);
  const { routerLogits } = result;
  if (routerLogits !== undefined) {
    tensors.set("router_logits", { type: "F32", shape: [routedLayers(model.spec).length, numKeyValueHeads, 2], bytes: () => bytesOf(routerLogits) });
  }
  writeSafetensors(options.out, tensors);
  const full = result.fullHeads.reduce((sum, head) => sum + head, 0);
  const summary = { tokens: tokens.length, rows: result.rows, fullHeads: full, heads: result.fullHeads.length, out: options.out };
  if (options.json) console.log(JSON.stringify(summary));
  else console.error(`${tokens.length} tokens, ${full} of ${summary.heads} heads full; wrote ${options.out}`);
  return 0;
};

/** The model by argument or by --model. @throws InvalidOptionError when both are given */
function chosenModel(argument: string | undefined, options: ForwardOptions): ForwardOptions {
  if (argument === undefined) return options;
  if (options.model === undefined) return { ...options, model: argument };
  throw new InvalidOptionError(`Two models were given: ${argument} and --model ${options.model}.`, "--model", "Leave one of them out.");
}

/** The checkpoint's own, else none; a head list, a registered router or a sparsity that was asked for, as requests take it. */
function chooseRouter(model: PretrainedModel, options: ForwardOptions): Router | undefined {
  const { mode, heads, sparsity, tieRule } = options;
  const request = requestRouting(options);
  if (heads !== undefined || sparsity !== undefined || request.router !== undefined) {
    return routeRequest(chooseModelRouter(model, heads), request).router;
  }
  const modes = mode === undefined ? model.spec.elastic : elasticModes(mode, model.sizes);
  return modes === undefined ? undefined : model.learnedRouter(modes.retrievalMode, modes.sparseMode, tieRule);
}

/** @throws ShapeError when the file has no one-dimensional input_ids (or [1, n]) of whole numbers */
function readIds(path: string): Int32Array {
  using file = SafetensorsFile.open(path);
  const { type, shape } = file.entry("input_ids");
  const bytes = file.read("input_ids");
  if (!(shape.length === 1 || (shape.length === 2 && shape[0] === 1))) {
    throw new ShapeError(`input_ids must be [tokens], found [${shape.join(", ")}].`);
  }
  if (type === "I32") return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  if (type === "I64") return Int32Array.from(new BigInt64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8), Number);
  throw new ShapeError(`input_ids must be I64 or I32, found ${type}.`);
}

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
