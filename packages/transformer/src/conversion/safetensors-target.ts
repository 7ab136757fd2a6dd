import { ConversionError } from "@elastic-attention/core";
import { type Checkpoint, isElementType, quantiseRowToE4M3, SafetensorsCheckpoint, type StreamedTensor } from "@elastic-attention/tensor";
import type { CheckedModel } from "../loading/checked-model.js";
import { biasName } from "../loading/check-weights.js";
import { expectedTensors } from "../loading/expected-tensors.js";
import { finiteFloats } from "../loading/host-floats.js";
import { findModelAdapter, type ModelAdapter } from "../model/model-adapter.js";
import { channelScales, transformersConfig } from "./transformers-config.js";
import { checkConvertedType, type ConvertedType, vectorType } from "./converted-types.js";
import { convertedRows } from "../loading/rows/converted-rows.js";
import { TypeChoices } from "./type-choices.js";

/** Tensors in safetensors, and the config.json beside them, that are to be written. */
export interface SafetensorsTarget {
  readonly tensors: ReadonlyMap<string, StreamedTensor>;
  readonly config: Readonly<Record<string, unknown>>;
  readonly choices: TypeChoices;
}

/**
 * A model as transformers has it. Matrices are written in the type that is asked for; norms, biases, the routers of experts and
 * whatever else a checkpoint in safetensors holds as they are.
 * @throws ConversionError
 */
export function safetensorsTarget(checked: CheckedModel, type: ConvertedType | undefined): SafetensorsTarget {
  checkConvertedType(type, "safetensors");
  const { files, adapter, spec } = checked;
  const { checkpoint, ggufPath } = files;
  const choices = new TypeChoices(type, "safetensors");
  const family = ggufPath === undefined ? adapter : familyOf(checked);
  if (type === "fp8" && family.expertLayout === "joined") throw new ConversionError(`The experts of ${spec.architecture}, which are one tensor, are not written in fp8.`, "Take --weights bf16.");
  const tensors = new Map<string, StreamedTensor>();
  for (const { role, layer, expert, shape, bias } of expectedTensors(family, spec)) {
    const [source, name] = [adapter.weightName(role, layer, expert), family.weightName(role, layer, expert)];
    const entry = checkpoint.entry(source);
    if (shape.length === 1 || role === "expertRouter") tensors.set(name, plain(checkpoint, source, vectorType("safetensors", type, entry.type)));
    else if (type === "fp8" && role !== "embedding" && role !== "output") {
      choices.matrix(name, entry);
      for (const [part, tensor] of inFp8(checkpoint, source, name)) tensors.set(part, tensor);
    } else if (type === "fp8") {
      // Programs that read fp8 expect tables of tokens in floats.
      const kept = entry.type === "F16" || entry.type === "F32" ? entry.type : "BF16";
      choices.count(kept, shape);
      tensors.set(name, plain(checkpoint, source, kept));
    } else tensors.set(name, plain(checkpoint, source, choices.matrix(name, entry)));
    if (bias) tensors.set(biasName(name), plain(checkpoint, biasName(source), vectorType("safetensors", type, checkpoint.entry(biasName(source)).type)));
  }
  if (ggufPath === undefined) addOthers(tensors, checkpoint, type);
  return { tensors, config: transformersConfig(checked, choices), choices };
}

/** A checkpoint in safetensors as it is, quantised or not: what is copied into other files. */
export function safetensorsCopy(path: string, config: Readonly<Record<string, unknown>>): SafetensorsTarget & Disposable {
  const checkpoint = SafetensorsCheckpoint.open(path);
  const choices = new TypeChoices(undefined, "safetensors");
  const tensors = new Map([...checkpoint.names].map((name) => [name, plain(checkpoint, name, checkpoint.entry(name).type)] as const));
  for (const name of checkpoint.names) choices.count(checkpoint.entry(name).type, checkpoint.entry(name).shape);
  return { tensors, config, choices, [Symbol.dispose]: () => checkpoint.close() };
}

/** Routers, experts in one tensor, and what is not read here. */
function addOthers(tensors: Map<string, StreamedTensor>, checkpoint: Checkpoint, type: ConvertedType | undefined): void {
  const written = new Set(tensors.keys());
  for (const name of checkpoint.names) {
    if (written.has(name)) continue;
    const entry = checkpoint.entry(name);
    const isExperts = /\.experts\.\w+$/.test(name) && entry.shape.length === 3 && ["F32", "BF16", "F16"].includes(entry.type);
    tensors.set(name, plain(checkpoint, name, isExperts && type !== undefined ? type.toUpperCase() : entry.type));
  }
}

function plain(checkpoint: Checkpoint, name: string, type: string): StreamedTensor {
  const { shape } = checkpoint.entry(name);
  if (!isElementType(type)) throw new ConversionError(`${name} is ${type}, which safetensors files do not hold.`, "Name a .gguf file.");
  return { type, shape, bytes: () => convertedRows(checkpoint, name, type) };
}

/** Numbers of e4m3 and a scale for each row beside them, which are known once the numbers are written. */
function* inFp8(checkpoint: Checkpoint, source: string, name: string): Generator<[string, StreamedTensor]> {
  const { shape, type, byteLength } = checkpoint.entry(source);
  const [rows, columns] = shape as [number, number];
  const scales = new Float32Array(rows);
  const rowBytes = byteLength / rows;
  const bytes = function* (): Generator<Uint8Array> {
    const sliceRows = Math.max(1, Math.floor((1 << 18) / columns));
    for (let row = 0; row < rows; row += sliceRows) {
      const end = Math.min(row + sliceRows, rows);
      const values = finiteFloats(checkpoint.read(source, { start: row * rowBytes, end: end * rowBytes }), type, source, row * columns);
      const patterns = new Uint8Array(values.length);
      for (let at = 0; at < values.length; at += columns) scales[row + at / columns] = quantiseRowToE4M3(values.subarray(at, at + columns), patterns.subarray(at, at + columns));
      yield patterns;
    }
  };
  yield [name, { type: "F8_E4M3", shape, bytes }];
  yield [name.replace(/\.weight$/, channelScales), { type: "F32", shape: [rows, 1], bytes: () => new Uint8Array(scales.buffer) }];
}

/** How the family's own checkpoints are laid out. @throws ConversionError */
function familyOf({ adapter, files, spec }: CheckedModel): ModelAdapter {
  const family = findModelAdapter(files.config);
  if (family.expertLayout === "joined") {
    throw new ConversionError(`${spec.architecture} keeps all experts of a layer in one tensor, which is not written from a GGUF file.`, "Name a .gguf file, or take the checkpoint that its makers publish.");
  }
  if ((adapter.fused ?? []).join() !== (family.fused ?? []).join()) throw new ConversionError(`${spec.architecture} joins other matrices in safetensors than in GGUF.`, "Name a .gguf file.");
  return family;
}
