import { CallArguments, type NativeBackend, type NativeKernel, requireFloats } from "@elastic-attention/addon";
import { ModelConfigError } from "@elastic-attention/core";
import { type BlockMatrix, expectShape, joinedShape, linear, LinearWeight, packBlocks } from "@elastic-attention/tensor";

/** What the addon exports for weights in blocks. */
export interface BlockAddon {
  /** (outputs, inputs, layout) -> bytes. */
  blockWeightBytes(values: Float64Array): number;
  packBlocks: NativeKernel;
  linearBlocks: NativeKernel;
}

/** Formats with kernels, as the addon numbers them. */
const formats = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL"];
const nibbles = new Set(["Q4_0", "Q4_1", "Q4_K"]);
const withMinimum = new Set(["Q4_1", "Q5_1", "Q4_K", "Q5_K"]);

/** The formats whose weights the cpu backend computes on as they are. */
export const blockFormats: readonly string[] = formats;

/** The addon's number for the order that holds all of these formats: their widest integers, a minimum if one has any, the smallest groups. */
function layoutOf(weights: readonly BlockMatrix[]): number {
  const minimums = weights.some(({ format }) => withMinimum.has(format));
  const bytes = weights.some(({ format }) => !nibbles.has(format));
  const halves = weights.some(({ format }) => format === "Q6_K");
  return 8 + (bytes ? 1 : 0) + (minimums ? 2 : 0) + (halves ? 4 : 0);
}

/** Products with weights in blocks, which are packed once and read as they are. */
export function registerBlockKernels(backend: NativeBackend, addon: BlockAddon): void {
  backend.kernels.register(packBlocks, {
    name: "blocks",
    supports: ({ weights }) =>
      weights.flatMap(({ format }) => (formats.includes(format) ? [] : [`weights are computed on as ${formats.join(", ")}, not ${format}`])),
    run({ weights }) {
      const { outFeatures, inFeatures } = joinedShape(weights);
      const layout = layoutOf(weights);
      const shape = [outFeatures, inFeatures, layout] as const;
      const packed = new LinearWeight(backend, backend.allocateStorage(addon.blockWeightBytes(Float64Array.from(shape))), outFeatures, inFeatures, "f32", layout);
      const sources = [];
      try {
        const call = packedArguments(packed).number(weights.length);
        for (const { format, rows, bytes } of weights) {
          const source = backend.upload(bytes, [rows, rows === 0 ? 0 : bytes.length / rows], "u8");
          sources.push(source);
          call.tensor(source).number(formats.indexOf(format));
        }
        backend.call("packBlocks", addon.packBlocks, call);
        return packed;
      } catch (error) {
        packed.dispose();
        if (/not finite/.test((error as Error).message)) {
          throw new ModelConfigError("A weight in blocks holds a scale that is not finite.", "The checkpoint is damaged; download it again.");
        }
        throw error;
      } finally {
        for (const source of sources) source.dispose();
      }
    },
  });

  backend.kernels.register(linear, {
    name: "blocks",
    supports: ({ input, weight, bias, output }) => [
      ...(weight.blockLayout === undefined ? ["the weight is not in blocks"] : []),
      ...[input, output].flatMap(({ dtype }) => (dtype === "f32" || dtype === "bf16" ? [] : [`input and output are f32 or bf16, not ${dtype}`])),
      ...requireFloats({ bias }),
    ],
    run({ input, weight, bias, output, accumulate = false }) {
      expectShape("linear", "input", input, [-1, weight.inFeatures]);
      expectShape("linear", "output", output, [input.numRows, weight.outFeatures]);
      if (bias !== undefined) expectShape("linear", "bias", bias, [weight.outFeatures]);
      const call = packedArguments(weight).tensor(input);
      if (bias === undefined) call.missing();
      else call.vector(bias);
      backend.call("linear", addon.linearBlocks, call.tensor(output).flag(accumulate));
    },
  });
}

/** A weight's bytes as one row, then its shape and layout. */
function packedArguments(weight: LinearWeight): CallArguments {
  weight.assertAlive();
  const { storage, outFeatures, inFeatures, blockLayout } = weight;
  const { byteLength } = storage;
  return new CallArguments().number(storage.handle as number, 0, 1, byteLength, byteLength, dtypeU8, outFeatures, inFeatures, blockLayout!);
}

const dtypeU8 = 4;
