import { CallArguments, type NativeBackend, type NativeKernel, requireFloats } from "@elastic-attention/addon";
import { ModelConfigError } from "@elastic-attention/core";
import { expectShape, joinedShape, linear, packBlocks, quantisedShape, quantiseLinear } from "@elastic-attention/tensor";
import { SegmentedWeight } from "./segmented-weight.js";
import { blockFormats, blockSegment, byteSegment, formatRuns, segmentNumbers, type WeightSegment } from "./weight-segments.js";

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

/** Products with weights of less than 16 bits, which are packed once and read as they are. */
export function registerWeightKernels(backend: NativeBackend, addon: WeightAddon): void {
  const allocate = (inFeatures: number, segments: readonly WeightSegment[]) => {
    const outFeatures = segments.reduce((sum, segment) => sum + segment.outFeatures, 0);
    const bytes = addon.blockWeightBytes(Float64Array.from(segmentNumbers(inFeatures, segments)));
    return new SegmentedWeight(backend, backend.allocateStorage(bytes), outFeatures, inFeatures, segments);
  };

  backend.kernels.register(packBlocks, {
    name: "records",
    supports: ({ weights }) =>
      weights.flatMap(({ format }) => (blockFormats.includes(format) ? [] : [`weights are computed on as ${blockFormats.join(", ")}, not ${format}`])),
    run({ weights }) {
      const { inFeatures } = joinedShape(weights);
      const runs = formatRuns(weights);
      const packed = allocate(inFeatures, runs.map(blockSegment));
      const sources: Disposable[] = [];
      try {
        const call = packed.arguments();
        for (const matrices of runs) {
          call.number(matrices.length);
          for (const { rows, bytes } of matrices) {
            const source = backend.upload(bytes, [rows, rows === 0 ? 0 : bytes.length / rows], "u8");
            sources.push(source);
            call.tensor(source);
          }
        }
        backend.call("packBlocks", addon.packBlocks, call);
        return packed;
      } catch (error) {
        packed.dispose();
        throw notFinite(error, weights.flatMap(({ name }) => name ?? []));
      } finally {
        for (const source of sources) source[Symbol.dispose]();
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
      const packed = allocate(inFeatures, [format === "F8_E4M3" ? byteSegment(matrices, inFeatures) : blockSegment(matrices)]);
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
    supports: ({ input, weight, bias, output }) => [
      ...(weight instanceof SegmentedWeight ? [] : ["the weight is kept in floats"]),
      ...requireFloats({ input, bias, output }),
    ],
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

/** What a user is told of a scale that is none; other errors stay as they are. */
function notFinite(error: unknown, names: readonly string[]): unknown {
  if (!(error instanceof Error && /not finite/.test(error.message))) return error;
  const what = names.length === 0 ? "A weight in blocks" : names.join(", ");
  return new ModelConfigError(`${what} holds a scale that is not finite.`, "The checkpoint is damaged; download it again.");
}
