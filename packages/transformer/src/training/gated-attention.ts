import { MemoryScope } from "@elastic-attention/core";
import { addAttentionGradients, type AttentionScores, dualAttention, gateGradient, gateMix, retrievalSide } from "@elastic-attention/attention";
import type { Gradients, Tape, Tensor } from "@elastic-attention/tensor";
import type { AttentionSides, GatedSequence, LayerGates } from "./layer-gates.js";

export interface GatedAttentionOptions {
  /** [rows, numQueryHeads, headDim], rotated. */
  readonly query: Tensor;
  /** Keys and values of all segments: what the sequences' caches look into. */
  readonly keys: Tensor;
  readonly values: Tensor;
  readonly sequences: readonly GatedSequence[];
  /** Segment i is rows offsets[i] to offsets[i + 1]. */
  readonly offsets: readonly number[];
  /** f32 [segments, kvHeads]. */
  readonly gates: Tensor;
  readonly layerGates: LayerGates;
  readonly scores: AttentionScores;
  readonly deterministic: boolean;
}

/**
 * The attention of a layer in training (reference semantics 5): both modes for every head, mixed by the gates. The
 * gradient of a gate is the inner product of the output's gradient with O_full − O_sparse; queries, keys and values get
 * theirs through the mode that was chosen, in one pass where every gate is 0 or 1.
 *
 * @returns the mixed output, of the shape of `query`; the tape's.
 */
export function gatedAttention(tape: Tape, options: GatedAttentionOptions): Tensor {
  const { query, keys, values, sequences, offsets, gates, layerGates, scores } = options;
  const { kernels } = tape.backend;
  const known = layerGates.keptAttention;
  const sides = known ?? allocateSides(tape, query, layerGates);
  const mixed = tape.allocate(query.shape, query.dtype);
  const results = [mixed, ...Object.values(sides)];
  tape.apply({
    name: "gatedAttention",
    inputs: [query, keys, values, gates],
    outputs: results,
    keepsInputs: [query, keys, values, gates],
    keepsResults: results,
    run() {
      if (known === undefined) kernels.run(dualAttention, { query, ...sides, sequences, ...scores });
      kernels.run(gateMix, { ...outputsOf(sides), gates, offsets, output: mixed });
    },
    backward(gradients) {
      gatedAttentionBackward(gradients, options, sides, mixed);
      layerGates.releaseAttention();
    },
  });
  return mixed;
}

/** Memory of the tape, or of the layer's gates where the outputs outlive the tape of a checkpoint. */
function allocateSides(tape: Tape, query: Tensor, layerGates: LayerGates): AttentionSides {
  using scope = new MemoryScope();
  const allocate = (shape: readonly number[], dtype: Tensor["dtype"]) =>
    layerGates.keepsAttention ? scope.track(tape.backend.allocate(shape, dtype)) : tape.allocate(shape, dtype);
  const logSumExp = [query.shape[0]!, query.shape[1]!];
  const sides = {
    fullOutput: allocate(query.shape, query.dtype),
    sparseOutput: allocate(query.shape, query.dtype),
    fullLogSumExp: allocate(logSumExp, "f32"),
    sparseLogSumExp: allocate(logSumExp, "f32"),
  };
  if (layerGates.keepsAttention) layerGates.keptAttention = sides;
  scope.move();
  return sides;
}

function gatedAttentionBackward(gradients: Gradients, options: GatedAttentionOptions, sides: AttentionSides, mixed: Tensor): void {
  const { query, keys, values, sequences, offsets, gates, layerGates, scores, deterministic } = options;
  const { kernels } = gradients.backend;
  const outputGradient = gradients.incoming(mixed);
  if (outputGradient === undefined) return;
  gradients.overwrite([gates], ([target]) =>
    kernels.run(gateGradient, { outputGradient, ...outputsOf(sides), offsets, gateGradient: target }),
  );
  if (![query, keys, values].some((input) => gradients.wants(input))) return;
  const common = { query, ...scores, deterministic };
  const chosen = layerGates.chosen(sequences);
  if (chosen !== undefined) {
    const [rows, heads] = sides.fullLogSumExp.shape as [number, number];
    const logSumExp = gradients.temporary([rows, heads], "f32");
    const asHeads = (tensor: Tensor) => tensor.reshape([rows, heads, 1]);
    kernels.run(gateMix, {
      fullOutput: asHeads(sides.fullLogSumExp),
      sparseOutput: asHeads(sides.sparseLogSumExp),
      gates,
      offsets,
      output: asHeads(logSumExp),
    });
    return addAttentionGradients(gradients, { ...common, sequences: chosen, output: mixed, logSumExp, outputGradient });
  }
  const none = gradients.zeros(mixed.shape, mixed.dtype);
  const share = gradients.temporary(mixed.shape, mixed.dtype);
  kernels.run(gateMix, { fullOutput: outputGradient, sparseOutput: none, gates, offsets, output: share });
  const full = { sequences: sequences.map(retrievalSide), output: sides.fullOutput, logSumExp: sides.fullLogSumExp };
  addAttentionGradients(gradients, { ...common, ...full, outputGradient: share });
  kernels.run(gateMix, { fullOutput: none, sparseOutput: outputGradient, gates, offsets, output: share });
  const sparse = { sequences, output: sides.sparseOutput, logSumExp: sides.sparseLogSumExp };
  addAttentionGradients(gradients, { ...common, ...sparse, outputGradient: share });
}

function outputsOf({ fullOutput, sparseOutput }: AttentionSides) {
  return { fullOutput, sparseOutput };
}
