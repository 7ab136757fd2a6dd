import { ModelConfigError, ShapeError, UnsupportedWeightFormatError } from "@elastic-attention/core";
import { type Checkpoint, weightFormats } from "@elastic-attention/tensor";
import type { ModelAdapter, WeightRole } from "../model/model-adapter.js";
import type { ModelSpec } from "../model/model-spec.js";
import { expectedTensors } from "./expected-tensors.js";
import { joinedExperts } from "./joined-experts.js";
import { contradictedKeys } from "./shape-keys.js";
import { isBlocked } from "./weight-plan.js";

/**
 * Proves before anything is read that every tensor is there, as large as the config says, and of a type that can be read.
 * It asks the checkpoint for each tensor that loading reads, and for no other.
 * @throws MissingTensorError, ShapeError, UnsupportedWeightFormatError, ModelConfigError for a norm, bias or router in blocks
 */
export function checkWeights(checkpoint: Checkpoint, adapter: ModelAdapter, spec: ModelSpec): void {
  for (const { role, layer, expert, shape, bias } of expectedTensors(adapter, spec)) {
    const name = adapter.weightName(role, layer, expert);
    checkTensor(checkpoint, name, role, shape);
    if (bias) checkTensor(checkpoint, biasName(name), role, shape.slice(0, 1));
  }
  if (adapter.expertLayout !== "joined") return;
  for (const [layer, { feedForward }] of spec.layers.entries()) {
    if (feedForward.kind !== "experts") continue;
    for (const role of ["expertGateUp", "expertDown"] as const) joinedExperts(checkpoint, adapter, spec, layer, role).checkBiases();
  }
}

/** Name of the bias that belongs to a weight. */
export function biasName(weight: string): string {
  return weight.replace(/\.weight$/, ".bias");
}

function checkTensor(checkpoint: Checkpoint, name: string, role: WeightRole, expected: readonly number[]): void {
  const { shape, type } = checkpoint.entry(name);
  if (shape.length !== expected.length || shape.some((size, i) => size !== expected[i])) {
    const keys = contradictedKeys(role, shape, expected);
    throw new ShapeError(
      `${name} is [${shape.join(", ")}], but config.json asks for [${expected.join(", ")}]${keys === undefined ? "" : ` by ${keys}`}.`,
      "The config does not belong to these weights.",
    );
  }
  if (isBlocked(type) && (shape.length === 1 || role === "expertRouter")) {
    throw new ModelConfigError(
      `${checkpoint.path}: ${name} is quantised (${type}), which only the matrices of projections and embeddings may be.`,
      "Take a file that keeps norms, biases and the routers of experts as F32.",
    );
  }
  if (!weightFormats.has(type) && type !== "F64") throw new UnsupportedWeightFormatError(type, `${checkpoint.path}: ${name}`, weightFormats.keys());
}
