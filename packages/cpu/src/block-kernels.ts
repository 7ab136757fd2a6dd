import { CallArguments, type NativeBackend, type NativeKernel, requireFloats } from "@elastic-attention/addon";
import { ModelConfigError } from "@elastic-attention/core";
import { expectBlocks, expectShape, joinedShape, linear, LinearWeight, packBlocks, unpackBlocks } from "@elastic-attention/tensor";
import { blockFormats, blockLayoutOf } from "./block-layout.js";

/** What the addon exports for weights in blocks. */
export interface BlockAddon {
  /** (outputs, inputs, layout) -> bytes. */
  blockWeightBytes(values: Float64Array): number;
  packBlocks: NativeKernel;
  linearBlocks: NativeKernel;
  unpackBlocks: NativeKernel;
}

/** Products with weights in blocks, which are packed once and read as they are. */
export function registerBlockKernels(backend: NativeBackend, addon: BlockAddon): void {
  backend.kernels.register(packBlocks, {
    name: "blocks",
    supports: ({ weights }) =>
      weights.flatMap(({ format }) => (blockFormats.includes(format) ? [] : [`weights are computed on as ${blockFormats.join(", ")}, not ${format}`])),
    run({ weights }) {
      const { outFeatures, inFeatures } = joinedShape(weights);
      const layout = blockLayoutOf(weights.map(({ format }) => format));
      const shape = [outFeatures, inFeatures, layout] as const;
      const packed = new LinearWeight(backend, backend.allocateStorage(addon.blockWeightBytes(Float64Array.from(shape))), outFeatures, inFeatures, "f32", layout);
      const sources = [];
      try {
        const call = packedArguments(packed).number(weights.length);
        for (const { format, rows, bytes } of weights) {
          const source = backend.upload(bytes, [rows, rows === 0 ? 0 : bytes.length / rows], "u8");
          sources.push(source);
          call.tensor(source).number(blockFormats.indexOf(format));
        }
        backend.call("packBlocks", addon.packBlocks, call);
        return packed;
      } catch (error) {
        packed.dispose();
        if (/not finite/.test((error as Error).message)) {
          const names = weights.flatMap(({ name }) => name ?? []).join(", ");
          throw new ModelConfigError(`${names === "" ? "A weight in blocks" : names} holds a scale that is not finite.`, "The checkpoint is damaged; download it again.");
        }
        throw error;
      } finally {
        for (const source of sources) source.dispose();
      }
    },
  });

  backend.kernels.register(unpackBlocks, {
    name: "rows",
    supports: ({ format, output }) => [
      ...(blockFormats.includes(format) ? [] : [`weights are unpacked from ${blockFormats.join(", ")}, not from ${format}`]),
      ...(output.dtype === "f32" || output.dtype === "bf16" ? [] : [`weights are unpacked to f32 or bf16, not to ${output.dtype}`]),
    ],
    run(unpack) {
      expectBlocks(unpack);
      const { blocks, format, output } = unpack;
      backend.call("unpackBlocks", addon.unpackBlocks, new CallArguments().tensor(blocks).number(blockFormats.indexOf(format)).tensor(output));
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
