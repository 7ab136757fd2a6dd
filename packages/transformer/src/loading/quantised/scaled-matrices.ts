import { ModelConfigError, ShapeError, UnsupportedWeightFormatError } from "@elastic-attention/core";
import {
  awqOrdered,
  type Checkpoint,
  dequantizeBytes,
  dequantizeGroups,
  fp8Values,
  type GroupedIntegers,
  int8Values,
  type ScaledMatrix as StoredMatrix,
  type StoredScaledMatrix,
  transposed,
  unpackAlongColumns,
  unpackAlongRows,
} from "@elastic-attention/tensor";
import { hostFloats } from "../host-floats.js";
import type { QuantisationScheme } from "../../model/quantisation-scheme.js";

/** A matrix whose integers or fp8 numbers, scales and zero points are tensors of their own. */
export interface ScaledMatrix {
  readonly shape: readonly [rows: number, columns: number];
  /** Reads it, as float32. @throws ModelConfigError for a scale that is not finite or a group out of range, ShapeError */
  read(): Float32Array;
  /** The same as kernels take it; undefined where groups of inputs are not runs (act-order). @throws as `read` */
  stored(): StoredScaledMatrix | undefined;
}

/** Endings of the tensors that belong to a quantised matrix, besides its `.weight`. */
export const partEndings: readonly string[] = [
  "qweight", "qzeros", "scales", "g_idx",
  "weight_packed", "weight_scale", "weight_zero_point", "weight_shape", "weight_g_idx",
  "weight_scale_inv", "input_scale", "output_scale", "input_zero_point", "activation_scale",
];

/**
 * The quantised matrix that a checkpoint keeps under a prefix; undefined where its `.weight` is plain, or there is none.
 * @throws ShapeError for tensors that do not fit together, UnsupportedWeightFormatError for a type of weight that is not known
 */
export function scaledMatrix(checkpoint: Checkpoint, prefix: string, scheme: QuantisationScheme): ScaledMatrix | undefined {
  const has = (ending: string) => checkpoint.has(`${prefix}.${ending}`);
  if (scheme.method === "gptq" || scheme.method === "awq") return has("qweight") ? packedByColumns(checkpoint, prefix, scheme) : undefined;
  if (has("weight_packed")) return packedByRows(checkpoint, prefix, scheme.method === "fp8" ? undefined : scheme.groupSize);
  if (!has("weight")) return undefined;
  const { type } = checkpoint.entry(`${prefix}.weight`);
  if (!/^(F8_|I8$|U8$)/.test(type)) return undefined;
  if (type === "F8_E4M3" || type === "I8") return scaledBytes(checkpoint, prefix, type, scheme.block);
  throw new UnsupportedWeightFormatError(type, `${checkpoint.path}: ${prefix}.weight`, ["F8_E4M3", "I8"]);
}

function scaledBytes(checkpoint: Checkpoint, prefix: string, type: string, block: readonly [number, number] | undefined): ScaledMatrix {
  const weight = `${prefix}.weight`;
  const scaleName = [`${prefix}.weight_scale_inv`, `${prefix}.weight_scale`].find((name) => checkpoint.has(name)) ?? `${prefix}.weight_scale`;
  const [rows, columns] = matrixShape(checkpoint, weight);
  const scaleShape = checkpoint.entry(scaleName).shape;
  const count = scaleShape.reduce((product, size) => product * size, 1);
  const sides = count === 1 ? [rows, columns] : scaleShape[0] === rows && count === rows ? [1, columns] : block;
  const [blockRows, blockColumns] = sides ?? [0, 0];
  const expected = [Math.ceil(rows! / blockRows!), Math.ceil(columns! / blockColumns!)];
  if (sides === undefined || count !== expected[0]! * expected[1]! || (sides === block && scaleShape.join() !== expected.join())) {
    const allowed = block === undefined ? `[1] or [${rows}, 1]` : `[${expected.join(", ")}]`;
    throw new ShapeError(`${scaleName} is [${scaleShape.join(", ")}], but ${weight} is [${rows}, ${columns}]: it must be ${allowed}.`, damaged);
  }
  const grid = { rows, columns, blockRows: blockRows!, blockColumns: blockColumns! };
  return {
    shape: [rows, columns],
    read() {
      const values = new Float32Array(rows * columns);
      dequantizeBytes(checkpoint.read(weight), type === "I8" ? int8Values : fp8Values, finiteScales(checkpoint, scaleName), grid, values);
      return values;
    },
    stored() {
      // One scale for all is one for each row.
      const blocks = count === 1 ? { blockRows: 1, blockColumns: columns } : { blockRows: grid.blockRows, blockColumns: grid.blockColumns };
      const common = { format: type === "I8" ? "I8" : "F8_E4M3", rows, columns, ...blocks } as const;
      const scales = () => (count === 1 ? new Float32Array(rows).fill(finiteScales(checkpoint, scaleName)[0]!) : finiteScales(checkpoint, scaleName));
      return { ...common, read: () => ({ name: weight, ...common, bytes: checkpoint.read(weight), scales: scales() }) };
    },
  };
}

/** GPTQ and AWQ: inputs first. */
function packedByColumns(checkpoint: Checkpoint, prefix: string, scheme: Extract<QuantisationScheme, { method: "gptq" | "awq" }>): ScaledMatrix {
  const names = ["qweight", "qzeros", "scales", "g_idx"].map((ending) => `${prefix}.${ending}`) as [string, string, string, string];
  const [weight, zeros, scales, index] = names;
  const [first, second] = matrixShape(checkpoint, weight);
  const [rows, columns] = scheme.method === "gptq" ? [second, 8 * first] : [8 * second, first];
  const groups = groupsOf(columns, scheme.groupSize, weight);
  requireShape(checkpoint, scales, [groups, rows]);
  requireShape(checkpoint, zeros, [groups, rows / 8]);
  const ordered = scheme.method === "gptq" && checkpoint.has(index);
  if (ordered) requireShape(checkpoint, index, [columns]);
  const zeroPoints = () => {
    const stored = unpackAlongRows(words(checkpoint, zeros));
    return transposed(scheme.method === "gptq" ? stored.map((zero) => zero + scheme.zeroOffset) : awqOrdered(stored), groups, rows);
  };
  const scaleValues = () => transposed(finiteScales(checkpoint, scales), groups, rows);
  return {
    shape: [rows, columns],
    stored() {
      if (ordered && !isRuns(groupIndex(checkpoint, index, groups), groups)) return undefined;
      return storedGroups(weight, { rows, columns, groups }, () => ({
        bytes: scheme.method === "gptq" ? wordBytes(transposed(words(checkpoint, weight), columns / 8, rows)) : packedPairs(transposed(awqOrdered(unpackAlongRows(words(checkpoint, weight))), columns, rows)),
        scales: scaleValues(),
        zeros: Float32Array.from(zeroPoints()),
      }));
    },
    read() {
      const integers = scheme.method === "gptq" ? unpackAlongColumns(words(checkpoint, weight), rows) : transposed(awqOrdered(unpackAlongRows(words(checkpoint, weight))), columns, rows);
      return unpacked({
        rows,
        columns,
        groups,
        integers,
        zeros: zeroPoints(),
        scales: scaleValues(),
        groupOf: ordered ? groupIndex(checkpoint, index, groups) : runsOf(columns, groups),
      });
    },
  };
}

/** compressed-tensors: outputs first, integers and zero points 8 above what they stand for. */
function packedByRows(checkpoint: Checkpoint, prefix: string, groupSize: number | undefined): ScaledMatrix {
  const part = (ending: string) => `${prefix}.${ending}`;
  const [weight, zeros, index] = [part("weight_packed"), part("weight_zero_point"), part("weight_g_idx")];
  const [rows, packedColumns] = matrixShape(checkpoint, weight);
  const columns = 8 * packedColumns;
  const groups = groupsOf(columns, groupSize, weight);
  requireShape(checkpoint, part("weight_scale"), [rows, groups]);
  const shifted = checkpoint.has(zeros);
  if (shifted) requireShape(checkpoint, zeros, [Math.ceil(rows / 8), groups]);
  if (checkpoint.has(index)) requireShape(checkpoint, index, [columns]);
  if (checkpoint.has(part("weight_shape"))) requireStatedShape(checkpoint, part("weight_shape"), [rows, columns]);
  // Packed along outputs: of the last eight, those beyond the matrix are left out.
  const zeroPoints = () => (shifted ? transposed(unpackAlongColumns(words(checkpoint, zeros), groups), groups, 8 * Math.ceil(rows / 8)).subarray(0, rows * groups) : new Uint8Array(rows * groups).fill(8));
  return {
    shape: [rows, columns],
    stored() {
      if (checkpoint.has(index) && !isRuns(groupIndex(checkpoint, index, groups), groups)) return undefined;
      return storedGroups(weight, { rows, columns, groups }, () => ({
        bytes: wordBytes(words(checkpoint, weight)),
        scales: finiteScales(checkpoint, part("weight_scale")),
        zeros: Float32Array.from(zeroPoints()),
      }));
    },
    read() {
      return unpacked({
        rows,
        columns,
        groups,
        integers: unpackAlongRows(words(checkpoint, weight)),
        zeros: zeroPoints(),
        scales: finiteScales(checkpoint, part("weight_scale")),
        groupOf: checkpoint.has(index) ? groupIndex(checkpoint, index, groups) : runsOf(columns, groups),
      });
    },
  };
}

/** Four bits a number under scales and zero points of runs of inputs. */
function storedGroups(name: string, { rows, columns, groups }: { readonly rows: number; readonly columns: number; readonly groups: number }, read: () => Pick<StoredMatrix, "bytes" | "scales" | "zeros">): StoredScaledMatrix {
  const common = { format: "I4", rows, columns, blockRows: 1, blockColumns: columns / groups } as const;
  return { ...common, read: () => ({ name, ...common, ...read() }) };
}

/** Words of eight integers, the lowest first, are bytes of two. */
function wordBytes({ buffer, byteOffset, byteLength }: Int32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Integers of four bits, two to a byte. */
function packedPairs(integers: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(integers.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = integers[2 * i]! | (integers[2 * i + 1]! << 4);
  return bytes;
}

/** Whether each group is a run of inputs, one after another. */
function isRuns(groupOf: Int32Array, groups: number): boolean {
  return runsOf(groupOf.length, groups).every((group, column) => group === groupOf[column]);
}

function unpacked(matrix: GroupedIntegers): Float32Array {
  const values = new Float32Array(matrix.rows * matrix.columns);
  dequantizeGroups(matrix, values);
  return values;
}

const damaged = "The checkpoint is damaged, or its config belongs to another one.";

function matrixShape(checkpoint: Checkpoint, name: string): readonly [number, number] {
  const { shape } = checkpoint.entry(name);
  if (shape.length !== 2) throw new ShapeError(`${name} is [${shape.join(", ")}], which is no matrix.`, damaged);
  return [shape[0]!, shape[1]!];
}

function requireShape(checkpoint: Checkpoint, name: string, expected: readonly number[]): void {
  const { shape } = checkpoint.entry(name);
  if (shape.join() === expected.join()) return;
  throw new ShapeError(`${name} is [${shape.join(", ")}], but the weight that it belongs to asks for [${expected.join(", ")}].`, damaged);
}

function requireStatedShape(checkpoint: Checkpoint, name: string, expected: readonly number[]): void {
  const bytes = checkpoint.read(name);
  const stated = checkpoint.entry(name).type === "I64" ? Array.from(new BigInt64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8), Number) : [...words(checkpoint, name)];
  if (stated.join() === expected.join()) return;
  throw new ShapeError(`${name} says [${stated.join(", ")}], but the packed weight is [${expected.join(", ")}].`, damaged);
}

function groupsOf(columns: number, groupSize: number | undefined, name: string): number {
  if (groupSize === undefined) return 1;
  if (columns % groupSize === 0) return columns / groupSize;
  throw new ShapeError(`${name} has ${columns} inputs, which are not whole groups of ${groupSize}.`, damaged);
}

function words(checkpoint: Checkpoint, name: string): Int32Array {
  const { type } = checkpoint.entry(name);
  if (type !== "I32") throw new UnsupportedWeightFormatError(type, `${checkpoint.path}: ${name}`, ["I32"]);
  const bytes = checkpoint.read(name);
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

function finiteScales(checkpoint: Checkpoint, name: string): Float32Array {
  const scales = hostFloats(checkpoint.read(name), checkpoint.entry(name).type);
  const broken = scales.findIndex((scale) => !Number.isFinite(scale));
  if (broken >= 0) throw new ModelConfigError(`${name} holds a scale that is not finite (element ${broken}).`, "The checkpoint is damaged; download it again.");
  return scales;
}

function runsOf(columns: number, groups: number): Int32Array {
  return Int32Array.from({ length: columns }, (_, column) => Math.floor((column * groups) / columns));
}

function groupIndex(checkpoint: Checkpoint, name: string, groups: number): Int32Array {
  const index = words(checkpoint, name);
  const outside = index.findIndex((group) => group < 0 || group >= groups);
  if (outside < 0) return index;
  throw new ModelConfigError(`${name} names group ${index[outside]} for input ${outside}, but there are ${groups}.`, "The checkpoint is damaged; download it again.");
}
