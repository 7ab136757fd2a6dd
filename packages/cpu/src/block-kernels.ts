import { CallArguments, type NativeBackend, type NativeKernel, requireFloats } from "@elastic-attention/addon";
import { ModelConfigError } from "@elastic-attention/core";
import { embedBlocks, expectBlocks, expectShape, isScaledMatrix, joinedShape, linear, LinearWeight, packBlocks, unpackBlocks } from "@elastic-attention/tensor";
import { blockFormats, cpuBlockWeights } from "./block-layout.js";
import { asBlocks } from "./scaled-blocks.js";

/** What the addon exports for weights in blocks. */
export interface BlockAddon {
  /** (inputs, matrices, then format and outputs of each) -> bytes. */
  blockWeightBytes(values: Float64Array): number;
  packBlocks: NativeKernel;
  linearBlocks: NativeKernel;
  embedBlocks: NativeKernel;
  unpackBlocks: NativeKernel;
}

/** Products with weights in blocks, which are packed once and read as they are. */
export function registerBlockKernels(backend: NativeBackend, addon: BlockAddon): void {
  registerEmbedding(backend, addon);
  backend.kernels.register(packBlocks, {
    name: "blocks",
    supports: ({ weights }) =>
      weights.flatMap((matrix) => {
        const { formats } = cpuBlockWeights;
        return formats.includes(matrix.format) ? cpuBlockWeights.problems!(matrix, matrix.columns) : [`weights are computed on as ${formats.join(", ")}, not ${matrix.format}`];
      }),
    run(call) {
      const { outFeatures, inFeatures } = joinedShape(call.weights);
      const weights = call.weights.map((matrix) => (isScaledMatrix(matrix) ? asBlocks(matrix) : matrix));
      const entries = weights.flatMap(({ format, rows }) => [blockFormats.indexOf(format), rows]);
      const shape = [inFeatures, weights.length, ...entries];
      const packed = new LinearWeight(backend, backend.allocateStorage(addon.blockWeightBytes(Float64Array.from(shape))), outFeatures, inFeatures, "f32", inBlocks);
      const sources = [];
      try {
        const call = bufferOf(packed).number(...shape);
        for (const { rows, bytes } of weights) {
          const source = backend.upload(bytes, [rows, rows === 0 ? 0 : bytes.length / rows], "u8");
          sources.push(source);
          call.tensor(source);
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
    supports({ input, weight, bias, output }) {
      if (weight.blockLayout === undefined) return notInBlocks;
      const foreign = [input, output].find(({ dtype }) => dtype !== "f32" && dtype !== "bf16");
      return foreign === undefined ? requireFloats({ bias }) : [`input and output are f32 or bf16, not ${foreign.dtype}`];
    },
    run({ input, weight, bias, output, accumulate = false }) {
      expectShape("linear", "input", input, [-1, weight.inFeatures]);
      expectShape("linear", "output", output, [input.numRows, weight.outFeatures]);
      if (bias !== undefined) expectShape("linear", "bias", bias, [weight.outFeatures]);
      const call = bufferOf(weight).number(weight.outFeatures, weight.inFeatures).tensor(input);
      if (bias === undefined) call.missing();
      else call.vector(bias);
      backend.call("linear", addon.linearBlocks, call.tensor(output).flag(accumulate));
    },
  });
}

/** A table in blocks, as the head of a model has it. */
function registerEmbedding(backend: NativeBackend, addon: BlockAddon): void {
  backend.kernels.register(embedBlocks, {
    name: "blocks",
    supports: ({ table, output }) => (table.blockLayout === undefined ? notInBlocks : requireFloats({ output })),
    run({ ids, table, scale = 1, output }) {
      expectShape("embedBlocks", "ids", ids, [-1]);
      expectShape("embedBlocks", "output", output, [ids.numRows, table.inFeatures]);
      const call = bufferOf(table).number(table.outFeatures, table.inFeatures).vector(ids).tensor(output).number(scale);
      backend.call("embedBlocks", addon.embedBlocks, call);
    },
  });
}

/** A weight's bytes as one row. */
function bufferOf(weight: LinearWeight): CallArguments {
  weight.assertAlive();
  const { handle, byteLength } = weight.storage;
  return new CallArguments().number(handle as number, 0, 1, byteLength, byteLength, dtypeU8);
}

const notInBlocks = ["the weight is not in blocks"];
const dtypeU8 = 4;
/** There is one order: the buffer says which formats it holds. */
const inBlocks = 0;
