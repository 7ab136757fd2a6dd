import { ShapeError, UnsupportedWeightFormatError } from "@elastic-attention/core";
import { type Checkpoint, weightFormats } from "@elastic-attention/tensor";
import type { ModelAdapter, WeightRole } from "../model/model-adapter.js";
import type { ModelSpec } from "../model/model-spec.js";

/**
 * Proves before anything is read that every tensor is there, as large as the config says, and of a type that can be read.
 * It asks the checkpoint for each tensor that loading reads, and for no other.
 * @throws MissingTensorError, ShapeError, UnsupportedWeightFormatError
 */
export function checkWeights(checkpoint: Checkpoint, adapter: ModelAdapter, spec: ModelSpec): void {
  const check = (role: WeightRole, layer: number, expected: readonly number[], suffix = ".weight") => {
    const name = adapter.weightName(role, layer).replace(/\.weight$/, suffix);
    const { shape, type } = checkpoint.entry(name);
    if (shape.length !== expected.length || shape.some((size, i) => size !== expected[i])) {
      throw new ShapeError(
        `${name} is [${shape.join(", ")}], but config.json asks for [${expected.join(", ")}].`,
        "The config does not belong to these weights.",
      );
    }
    if (!weightFormats.has(type) && type !== "F64") throw new UnsupportedWeightFormatError(type, `${checkpoint.path}: ${name}`, weightFormats.keys());
  };
  const table = [spec.vocabularySize, spec.hiddenSize];
  check("embedding", 0, table);
  if (!spec.tiedEmbeddings) check("output", 0, table);
  check("finalNorm", 0, [spec.hiddenSize]);
  const matrices = Object.entries(matricesOf(spec)) as [WeightRole, MatrixShape][];
  for (let layer = 0; layer < spec.numLayers; layer++) {
    check("attentionNorm", layer, [spec.hiddenSize]);
    check("mlpNorm", layer, [spec.hiddenSize]);
    if (spec.queryKeyNorm) for (const role of ["queryNorm", "keyNorm"] as const) check(role, layer, [spec.headDim]);
    for (const [role, { outputs, inputs, bias }] of matrices) {
      check(role, layer, [outputs, inputs]);
      if (bias) check(role, layer, [outputs], ".bias");
    }
  }
}

interface MatrixShape {
  readonly outputs: number;
  readonly inputs: number;
  readonly bias: boolean;
}

/** Every matrix of a layer. */
function matricesOf(spec: ModelSpec): Partial<Record<WeightRole, MatrixShape>> {
  const { hiddenSize, intermediateSize, headDim, queryKeyValueBias, attentionOutputBias, mlpBias } = spec;
  const [queries, keys] = [spec.numQueryHeads * headDim, spec.numKeyValueHeads * headDim];
  return {
    query: { outputs: queries, inputs: hiddenSize, bias: queryKeyValueBias },
    key: { outputs: keys, inputs: hiddenSize, bias: queryKeyValueBias },
    value: { outputs: keys, inputs: hiddenSize, bias: queryKeyValueBias },
    attentionOutput: { outputs: hiddenSize, inputs: queries, bias: attentionOutputBias },
    gate: { outputs: intermediateSize, inputs: hiddenSize, bias: mlpBias },
    up: { outputs: intermediateSize, inputs: hiddenSize, bias: mlpBias },
    down: { outputs: hiddenSize, inputs: intermediateSize, bias: mlpBias },
  };
}
