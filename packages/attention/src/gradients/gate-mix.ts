import { ShapeError } from "@elastic-attention/core";
import {
  defineOperation,
  expectShape,
  type FloatArray,
  type GradientRule,
  readFloats,
  type Tensor,
  writeFloats,
} from "@elastic-attention/tensor";

export interface GateMixCall {
  /**
   * [tokens, numQueryHeads, width]: every head in its retrieval mode. Width is headDim for outputs, and 1 for the
   * log-sum-exp that belongs to them.
   */
  readonly fullOutput: Tensor;
  /** Shape of `fullOutput`: every head in its sparse mode. */
  readonly sparseOutput: Tensor;
  /** f32 [sequences, numKeyValueHeads]: 1 takes `fullOutput`, 0 `sparseOutput`, anything between mixes. */
  readonly gates: Tensor;
  /** Sequence i is rows offsets[i] to offsets[i + 1]. */
  readonly offsets: readonly number[];
  /** Shape of `fullOutput`; may be `fullOutput` or `sparseOutput` itself. Rows outside the sequences are left alone. */
  readonly output: Tensor;
}

const gateMixGradient: GradientRule<GateMixCall> = {
  inputs: ({ fullOutput, sparseOutput, gates }) => [fullOutput, sparseOutput, gates],
  outputs: ({ output }) => [output],
  keepsInputs: ({ fullOutput, sparseOutput, gates }) => [fullOutput, sparseOutput, gates],
  backward({ fullOutput, sparseOutput, gates, offsets, output }, gradients) {
    const { kernels } = gradients.backend;
    const outputGradient = gradients.incoming(output);
    if (outputGradient === undefined) return;
    gradients.overwrite([gates], ([target]) =>
      kernels.run(gateGradient, { outputGradient, fullOutput, sparseOutput, offsets, gateGradient: target }),
    );
    const none = gradients.zeros(output.shape, output.dtype);
    gradients.overwrite([fullOutput], ([target]) =>
      kernels.run(gateMix, { fullOutput: outputGradient, sparseOutput: none, gates, offsets, output: target }),
    );
    gradients.overwrite([sparseOutput], ([target]) =>
      kernels.run(gateMix, { fullOutput: none, sparseOutput: outputGradient, gates, offsets, output: target }),
    );
  },
};

/**
 * output = gate · fullOutput + (1 − gate) · sparseOutput, the gate of each sequence and key-value head for all its
 * query heads (paper equation 6). Gates of exactly 1 and 0 copy their side.
 */
export const gateMix = defineOperation<GateMixCall>("gateMix", referenceGateMix, { gradient: gateMixGradient });

function referenceGateMix({ fullOutput, sparseOutput, gates, offsets, output }: GateMixCall): void {
  expectShape("gateMix", "sparseOutput", sparseOutput, fullOutput.shape);
  expectShape("gateMix", "output", output, fullOutput.shape);
  expectShape("gateMix", "gates", gates, [offsets.length - 1, -1]);
  const g = readFloats(gates);
  for (const { sequence, start, end, headElements } of gatedRows("gateMix", fullOutput, gates, offsets)) {
    const [full, sparse] = [readFloats(fullOutput.rows(start, end)), readFloats(sparseOutput.rows(start, end))];
    for (let i = 0; i < full.length; i++) {
      const gate = g[gateOf(i, sequence, headElements, gates, fullOutput)]!;
      if (gate !== 1) full[i] = gate === 0 ? sparse[i]! : gate * full[i]! + (1 - gate) * sparse[i]!;
    }
    writeFloats(output.rows(start, end), full);
  }
}

export interface GateGradientCall {
  /** [tokens, numQueryHeads, headDim]: gradient of the output of `gateMix`. */
  readonly outputGradient: Tensor;
  readonly fullOutput: Tensor;
  readonly sparseOutput: Tensor;
  /** Sequence i is rows offsets[i] to offsets[i + 1]. */
  readonly offsets: readonly number[];
  /** f32 [sequences, numKeyValueHeads]. */
  readonly gateGradient: Tensor;
}

/**
 * Gradient of `gateMix` with respect to the gates: the inner product of outputGradient with fullOutput − sparseOutput over
 * the sequence's tokens, the query heads of the key-value head, and headDim; summed in float32 at least.
 */
export const gateGradient = defineOperation<GateGradientCall>("gateGradient", (call) => {
  const { outputGradient, fullOutput, sparseOutput, offsets } = call;
  expectShape("gateGradient", "fullOutput", fullOutput, outputGradient.shape);
  expectShape("gateGradient", "sparseOutput", sparseOutput, outputGradient.shape);
  expectShape("gateGradient", "gateGradient", call.gateGradient, [offsets.length - 1, -1]);
  const sums: FloatArray = new Float64Array(call.gateGradient.numElements);
  for (const { sequence, start, end, headElements } of gatedRows("gateGradient", fullOutput, call.gateGradient, offsets)) {
    const [gradient, full, sparse] = [outputGradient, fullOutput, sparseOutput].map((tensor) => readFloats(tensor.rows(start, end)));
    for (let i = 0; i < gradient!.length; i++) {
      sums[gateOf(i, sequence, headElements, call.gateGradient, fullOutput)]! += gradient![i]! * (full![i]! - sparse![i]!);
    }
  }
  writeFloats(call.gateGradient, sums);
});

/** The sequences with rows, and how many elements of a row share a gate. */
function gatedRows(operation: string, output: Tensor, gates: Tensor, offsets: readonly number[]) {
  const headElements = output.rowLength / gates.shape[1]!;
  if (output.shape.length !== 3 || output.shape[1]! % gates.shape[1]! !== 0) {
    throw new ShapeError(`${operation}: [${output.shape.join(", ")}] has no whole group of query heads for ${gates.shape[1]} gates.`);
  }
  return Array.from({ length: offsets.length - 1 }, (_, sequence) => {
    return { sequence, start: offsets[sequence]!, end: offsets[sequence + 1]!, headElements };
  });
}

/** Index of the gate of element `i` of a sequence's rows. */
function gateOf(i: number, sequence: number, headElements: number, gates: Tensor, output: Tensor): number {
  return sequence * gates.shape[1]! + Math.floor((i % output.rowLength) / headElements);
}
