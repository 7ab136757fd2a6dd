import { ModelConfigError, ShapeError, UnsupportedWeightFormatError } from "@elastic-attention/core";
import { signedRandom } from "@elastic-attention/fixtures";
import { ReferenceBackend, type TensorSource, toFloat16 } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { forward, ModelConfig, PretrainedModel, readQuantisation, registerModelAdapter } from "../src/index.js";
import { floats, tinyAdapter, tinyCheckpoint } from "./tiny-checkpoint.js";

registerModelAdapter(tinyAdapter);

type Tensors = Readonly<Record<string, TensorSource>>;

/** A projection's matrix as integers with a scale of a group, exact in every format: what a quantised checkpoint stands for. */
interface Integers {
  readonly rows: number;
  readonly columns: number;
  readonly groupSize: number;
  /** [rows][columns], from 0 to 15. */
  integer(row: number, column: number): number;
  /** Powers of two, which every type of scale holds. */
  scale(row: number, group: number): number;
  zero(row: number, group: number): number;
}

function source(type: "I32" | "F16" | "F8_E4M3" | "F32", shape: readonly number[], data: ArrayBufferView): TensorSource {
  return { type, shape, bytes: () => new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

/** Eight values to a word, the first one lowest. */
function packed(count: number, value: (index: number) => number): Int32Array {
  return Int32Array.from({ length: count / 8 }, (_, word) => Array.from({ length: 8 }, (__, i) => value(8 * word + i) << (4 * i)).reduce((a, b) => a | b, 0));
}

const halves = (count: number, value: (index: number) => number) => Uint16Array.from({ length: count }, (_, i) => toFloat16(value(i)));

function gptq(prefix: string, { rows, columns, groupSize, integer, scale, zero }: Integers, groupOf = (column: number) => Math.floor(column / groupSize)): Tensors {
  const groups = columns / groupSize;
  const words = Int32Array.from({ length: (columns / 8) * rows }, (_, at) => {
    const [word, row] = [Math.floor(at / rows), at % rows];
    return Array.from({ length: 8 }, (__, i) => integer(row, 8 * word + i) << (4 * i)).reduce((a, b) => a | b, 0);
  });
  return {
    [`${prefix}.qweight`]: source("I32", [columns / 8, rows], words),
    [`${prefix}.qzeros`]: source("I32", [groups, rows / 8], packed(groups * rows, (at) => zero(at % rows, Math.floor(at / rows)) - 1)),
    [`${prefix}.scales`]: source("F16", [groups, rows], halves(groups * rows, (at) => scale(at % rows, Math.floor(at / rows)))),
    [`${prefix}.g_idx`]: source("I32", [columns], Int32Array.from({ length: columns }, (_, column) => groupOf(column))),
  };
}

const gptqConfig = { quantization_config: { quant_method: "gptq", bits: 4, group_size: 8 } };

/** The tiny model twice: with one matrix quantised, and with the floats that it stands for. */
function models(change: (tensors: Record<string, TensorSource>) => void = () => {}, config: Readonly<Record<string, unknown>> = gptqConfig) {
  const name = "model.layers.1.mlp.down_proj";
  const random = signedRandom(3);
  const [rows, columns, groupSize] = [24, 40, 8];
  const integers = Uint8Array.from({ length: rows * columns }, () => Math.floor((random() + 1) * 7.99));
  const matrix: Integers = { rows, columns, groupSize, integer: (row, column) => integers[row * columns + column]!, scale: (row, group) => 2 ** -(3 + ((row + group) % 3)), zero: (row, group) => 1 + ((row * 5 + group) % 15) };
  const values = Float32Array.from(integers, (integer, at) => {
    const [row, group] = [Math.floor(at / columns), Math.floor((at % columns) / groupSize)];
    return (integer - matrix.zero(row, group)) * matrix.scale(row, group);
  });
  const tensors: Record<string, TensorSource> = { ...gptq(name, matrix) };
  change(tensors);
  const plain = tinyCheckpoint({ edit: (each, own, shape) => floats(each, each === `${name}.weight` ? values : own, shape) });
  const quantised = tinyCheckpoint({ config, edit: (each, own, shape) => (each === `${name}.weight` ? undefined : floats(each, own, shape)), tensors });
  return { plain, quantised };
}

async function logits(path: string): Promise<Float32Array> {
  using backend = new ReferenceBackend();
  using model = await PretrainedModel.open({ path, backend, dtype: "f32" });
  return (await forward(model.decoder, [1, 2, 3, 4], 4)).logits;
}

describe("a checkpoint with a matrix in GPTQ", () => {
  test("computes what its floats do, and says that it is unpacked", async () => {
    const { plain, quantised } = models();
    using _ = plain;
    using __ = quantised;
    expect(await logits(quantised.path)).toEqual(await logits(plain.path));
    using model = await PretrainedModel.open({ path: quantised.path, backend: new ReferenceBackend() });
    expect(model.notes.join()).toContain("GPTQ (4 bits, groups of 8), which has no kernels here: they are unpacked");
    await expect(PretrainedModel.open({ path: quantised.path, backend: new ReferenceBackend(), weights: "q8_0" })).rejects.toThrow(/quantised already \(GPTQ/);
  });

  test("is computed on as it is stored where the backend has kernels, and unpacked where its groups are no runs", async () => {
    const name = "model.layers.1.mlp.down_proj";
    /** Says that it computes on integers of four bits: what a card does, on the reference kernels. */
    class StoringBackend extends ReferenceBackend {
      readonly blockWeights = { formats: ["I4"], packedBytes: (matrices: readonly { readonly rows: number }[], columns: number) => matrices.reduce((sum, { rows }) => sum + (rows * columns) / 2, 0) };
    }
    const actOrder = (tensors: Record<string, TensorSource>) => (tensors[`${name}.g_idx`] = source("I32", [40], Int32Array.from({ length: 40 }, (_, column) => (column * 7) % 5)));
    for (const [change, formats] of [[() => {}, "I4"], [actOrder, "f32"]] as const) {
      const { plain, quantised } = models(change);
      using _ = plain;
      using __ = quantised;
      using model = await PretrainedModel.open({ path: quantised.path, backend: new StoringBackend(), dtype: "f32", weights: "stored" });
      using unpacked = await PretrainedModel.open({ path: quantised.path, backend: new ReferenceBackend(), dtype: "f32" });
      expect(model.weights).toBe(formats);
      expect(model.notes.some((note) => note.includes("unpacked"))).toBe(formats === "f32");
      expect((await forward(model.decoder, [1, 2, 3, 4], 4)).logits).toEqual((await forward(unpacked.decoder, [1, 2, 3, 4], 4)).logits);
    }
  });

  const prefix = "model.layers.1.mlp.down_proj";
  test.each<[string, (tensors: Record<string, TensorSource>) => void, new (...args: never[]) => Error, RegExp]>([
    ["a scale that is infinite", (tensors) => (tensors[`${prefix}.scales`] = source("F16", [5, 24], halves(120, (i) => (i === 7 ? Infinity : 1)))), ModelConfigError, /down_proj\.scales holds a scale that is not finite \(element 7\)/],
    ["a group that there is not", (tensors) => (tensors[`${prefix}.g_idx`] = source("I32", [40], new Int32Array(40).fill(5))), ModelConfigError, /down_proj\.g_idx names group 5 for input 0, but there are 5/],
    ["too few zero points", (tensors) => (tensors[`${prefix}.qzeros`] = source("I32", [4, 3], new Int32Array(12))), ShapeError, /down_proj\.qzeros is \[4, 3\]/],
    ["words of another type", (tensors) => (tensors[`${prefix}.qweight`] = source("F32", [5, 24], new Float32Array(120))), UnsupportedWeightFormatError, /down_proj\.qweight is of type F32/],
  ])("is refused for %s", async (_, change, kind, words) => {
    const { plain, quantised } = models(change);
    using __ = plain;
    using ___ = quantised;
    await expect(logits(quantised.path)).rejects.toThrow(kind);
    await expect(logits(quantised.path)).rejects.toThrow(words);
  });

  test("is refused when its groups do not divide the inputs", async () => {
    const { plain, quantised } = models(() => {}, { quantization_config: { quant_method: "gptq", bits: 4, group_size: 32 } });
    using _ = plain;
    using __ = quantised;
    await expect(logits(quantised.path)).rejects.toThrow(/down_proj\.qweight has 40 inputs, which are not whole groups of 32/);
  });
});

const weights = { num_bits: 4, type: "int", strategy: "group", group_size: 128, symmetric: true };
const compressed = (changes: object, groupChanges: object = {}) => ({ quant_method: "compressed-tensors", format: "pack-quantized", config_groups: { group_0: { weights: { ...weights, ...groupChanges } } }, ...changes });

test.each<[string, object]>([
  ['GPTQ in the layout "marlin"', { quant_method: "gptq", bits: 4, group_size: 128, checkpoint_format: "marlin" }],
  ["GPTQ with settings of its own for some layers (dynamic)", { quant_method: "gptq", bits: 4, group_size: 128, dynamic: { "+:.*": { bits: 8 } } }],
  ["AWQ without zero points", { quant_method: "awq", bits: 4, group_size: 128, zero_point: false }],
  ['FP8 with scales in "ue8m0"', { quant_method: "fp8", weight_block_size: [128, 128], scale_fmt: "ue8m0" }],
  ["FP8 in blocks of [128]", { quant_method: "fp8", weight_block_size: [128] }],
  ["compressed-tensors (marlin-24)", compressed({ format: "marlin-24" })],
  ["compressed-tensors (pack-quantized) with sparse weights", compressed({ sparsity_config: { format: "sparse-24-bitmask" } })],
  ["compressed-tensors (pack-quantized) with quantised keys and values", compressed({ kv_cache_scheme: { num_bits: 8 } })],
  ["compressed-tensors (pack-quantized), 8 bits of int, a scale for each group", compressed({}, { num_bits: 8 })],
  ["compressed-tensors (pack-quantized), 4 bits of int, a scale for each tensor_group", compressed({}, { strategy: "tensor_group" })],
])("a scheme that is not known is refused by name: %s", (name, settings) => {
  const read = () => readQuantisation(new ModelConfig({ quantization_config: settings }));
  expect(read).toThrow(UnsupportedWeightFormatError);
  expect(read).toThrow(`the checkpoint is of type ${name}, which is not supported`);
});
