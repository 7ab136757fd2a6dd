import { CallArguments, type NativeBackend, type NativeKernel, requireFloats } from "@elastic-attention/addon";
import { MemoryScope, ModelConfigError } from "@elastic-attention/core";
import { expectShape, isScaledMatrix, joinedShape, linear, type PackBlocksCall, packBlocks, quantisedShape, quantiseLinear } from "@elastic-attention/tensor";
import { SegmentedWeight } from "./segmented-weight.js";
import { cudaBlockWeights, segmentNumbers, segmentOf, segmentRuns, type WeightSegment } from "./weight-segments.js";

/** What the addon exports for weights of less than 16 bits. */
export interface WeightAddon {
  /** (inputs, segments) -> bytes. */
  blockWeightBytes(values: Float64Array): number;
  packBlocks: NativeKernel;
  quantiseWeight: NativeKernel;
  linearBlocks: NativeKernel;
}

/** What floats are rounded to where they are. */
const quantisedFormats = ["F8_E4M3", "Q8_0", "Q4_K"];

const keptInFloats = ["the weight is kept in floats"];

/** Products with weights of less than 16 bits, which are packed once and read as they are. */
export function registerWeightKernels(backend: NativeBackend, addon: WeightAddon): void {
  const allocate = (inFeatures: number, segments: readonly WeightSegment[]) => {
    const outFeatures = segments.reduce((sum, segment) => sum + segment.outFeatures, 0);
    const bytes = addon.blockWeightBytes(Float64Array.from(segmentNumbers(inFeatures, segments)));
    return new SegmentedWeight(backend, backend.allocateStorage(bytes), outFeatures, inFeatures, segments);
  };

  backend.kernels.register(packBlocks, {
    name: "records",
    supports: ({ weights }) => weights.flatMap(formatProblems),
    run({ weights }) {
      const { inFeatures } = joinedShape(weights);
      const runs = segmentRuns(weights);
      const packed = allocate(inFeatures, runs.map((run) => segmentOf(run, inFeatures)));
      using sources = new MemoryScope();
      const upload = (data: Uint8Array | Float32Array, rows: number) =>
        sources.track(backend.upload(data, [rows, rows === 0 ? 0 : data.length / rows], data instanceof Float32Array ? "f32" : "u8"));
      try {
        const call = packed.arguments();
        for (const matrices of runs) {
          call.number(matrices.length);
          for (const matrix of matrices) {
            call.tensor(upload(matrix.bytes, matrix.rows));
            if (!isScaledMatrix(matrix)) continue;
            const scaleRows = Math.ceil(matrix.rows / matrix.blockRows);
            call.tensor(upload(matrix.scales, scaleRows));
            if (matrix.zeros !== undefined) call.tensor(upload(matrix.zeros, scaleRows));
          }
        }
        backend.call("packBlocks", addon.packBlocks, call);
        return packed;
      } catch (error) {
        packed.dispose();
        throw notFinite(error, weights.flatMap(({ name }) => name ?? []));
      }
    },
  });

  backend.kernels.register(quantiseLinear, {
    name: "rows",
    supports: ({ weights, format }) => [
      ...(quantisedFormats.includes(format) ? [] : [`floats are rounded to ${quantisedFormats.join(", ")} on the device, not to ${format}`]),
      ...weights.flatMap((weight, index) => requireFloats({ [`weight ${index}`]: weight })),
    ],
    run({ weights, format }) {
      const { inFeatures } = quantisedShape(weights);
      const matrices = weights.map(({ numRows }) => ({ format, rows: numRows }));
      const packed = allocate(inFeatures, [segmentOf(matrices, inFeatures)]);
      try {
        const call = packed.arguments().number(weights.length);
        for (const weight of weights) call.tensor(weight);
        backend.call("quantiseLinear", addon.quantiseWeight, call);
        return packed;
      } catch (error) {
        packed.dispose();
        throw error;
      }
    },
  });

  backend.kernels.register(linear, {
    name: "segments",
    supports: ({ input, weight, bias, output }) => (weight instanceof SegmentedWeight ? requireFloats({ input, bias, output }) : keptInFloats),
    run({ input, weight, bias, output, accumulate = false }) {
      expectShape("linear", "input", input, [-1, weight.inFeatures]);
      expectShape("linear", "output", output, [input.numRows, weight.outFeatures]);
      if (bias !== undefined) expectShape("linear", "bias", bias, [weight.outFeatures]);
      const call = (weight as SegmentedWeight).arguments(new CallArguments().tensor(input));
      if (bias === undefined) call.missing();
      else call.vector(bias);
      backend.call("linear", addon.linearBlocks, call.tensor(output).flag(accumulate));
    },
  });
}

/** Why a matrix has no place on the device. */
function formatProblems(matrix: PackBlocksCall["weights"][number]): readonly string[] {
  const { formats } = cudaBlockWeights;
  if (!formats.includes(matrix.format)) return [`weights are computed on as ${formats.join(", ")}, not ${matrix.format}`];
  return cudaBlockWeights.problems!(matrix, matrix.columns);
}

/** What a user is told of a scale that is none; other errors stay as they are. */
function notFinite(error: unknown, names: readonly string[]): unknown {
  if (!(error instanceof Error && /not finite/.test(error.message))) return error;
  const what = names.length === 0 ? "A weight in blocks" : names.join(", ");
  return new ModelConfigError(`${what} holds a scale that is not finite.`, "The checkpoint is damaged; download it again.");
}
