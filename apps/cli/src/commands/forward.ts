import { ShapeError } from "@elastic-attention/core";
import { chooseRouterKind, loadHeadList, routeRequest } from "@elastic-attention/generation";
import type { Router } from "@elastic-attention/router";
import { type Backend, createBackend, SafetensorsFile, type TensorSource, writeSafetensors } from "@elastic-attention/tensor";
import { elasticModes, forward as runForward, PretrainedModel } from "@elastic-attention/transformer";
import { type ModelOptions, namedModel, type RoutingOptions } from "../model-options.js";
import registerPackages from "../register-packages.js";
import type { CommandFunction } from "../run-command.js";

type ForwardOptions = ModelOptions & RoutingOptions & {
  readonly ids: string;
  readonly last: number;
  readonly out: string;
  readonly tieRule: "float32" | "bfloat16";
};

/** `forward`: logits, routing and router logits of one prompt, for anyone who compares implementations. */
export const forward: CommandFunction<ForwardOptions> = async ({ positional, options, signal }) => {
  registerPackages();
  const tokens = readIds(options.ids);
  const { path } = await namedModel({ ...options, model: positional[0]! }, signal);
  using backend = await startBackend(options);
  using model = await PretrainedModel.open({
    path,
    backend,
    signal,
    ...(options.dtype === undefined ? {} : { dtype: options.dtype }),
    ...(options.router === undefined ? {} : { routers: options.router }),
  });
  const result = await runForward(model.decoder, tokens, options.last, chooseRouter(model, options));
  const { numLayers, numKeyValueHeads, vocabularySize } = model.spec;
  const tensors = new Map<string, TensorSource>([
    ["logits", { type: "F32", shape: [result.rows, vocabularySize], bytes: () => bytesOf(result.logits) }],
    ["full_heads", { type: "U8", shape: [numLayers, numKeyValueHeads], bytes: () => result.fullHeads }],
  ]);
  const { routerLogits } = result;
  if (routerLogits !== undefined) {
    tensors.set("router_logits", { type: "F32", shape: [numLayers, numKeyValueHeads, 2], bytes: () => bytesOf(routerLogits) });
  }
  writeSafetensors(options.out, tensors);
  const full = result.fullHeads.reduce((sum, head) => sum + head, 0);
  const summary = { tokens: tokens.length, rows: result.rows, fullHeads: full, heads: result.fullHeads.length, out: options.out };
  if (options.json) console.log(JSON.stringify(summary));
  else console.error(`${tokens.length} tokens, ${full} of ${summary.heads} heads full; wrote ${options.out}`);
  return 0;
};

/** The checkpoint's own, else none; a head list or a sparsity that was asked for, as requests take it. */
function chooseRouter(model: PretrainedModel, { mode, sparsity, heads, tieRule }: ForwardOptions): Router | undefined {
  if (heads !== undefined || sparsity !== undefined) {
    const headList = loadHeadList(model, heads);
    const source = { model, headList, router: chooseRouterKind(model, headList, heads !== undefined) };
    const request = { ...(mode === undefined ? {} : { mode }), ...(sparsity === undefined ? {} : { sparsity }) };
    return routeRequest(source, request).router;
  }
  const modes = mode === undefined ? model.spec.elastic : elasticModes(mode, model.sizes);
  return modes === undefined ? undefined : model.learnedRouter(modes.retrievalMode, modes.sparseMode, tieRule);
}

function startBackend({ backend, threads }: ModelOptions): Promise<Backend> {
  return createBackend(backend, threads === undefined ? {} : { threads });
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
