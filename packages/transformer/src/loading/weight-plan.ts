import { InvalidOptionError } from "@elastic-attention/core";
import { type BlockMatrixShape, type BlockWeights, type Checkpoint, dtypeByteSize, type FloatDType, scaledFormats, weightFormats } from "@elastic-attention/tensor";
import { predictWeightBytes } from "../memory/weight-memory.js";
import type { ModelAdapter } from "../model/model-adapter.js";
import type { ModelSpec } from "../model/model-spec.js";
import { packedTensors, type PackedTensors } from "./expected-tensors.js";

/**
 * How matrices are kept: "unpacked", in the dtype that is computed in; "stored", in blocks where the file has them so; as f32 or
 * bf16, whatever the file has; or quantised while they are loaded.
 */
export const weightChoices = ["stored", "unpacked", "f32", "bf16", "q8_0", "q4_k", "fp8"] as const;
export type WeightChoice = (typeof weightChoices)[number];

/**
 * What is chosen where nothing is asked for, as the backend has it, and what stands behind "automatic": who asks for f32 wants no
 * rounding of activations, which products with blocks do.
 */
export function chosenWeights(
  asked: WeightChoice | "automatic" | undefined,
  askedDType: FloatDType | undefined,
  { blockWeights }: { readonly blockWeights?: BlockWeights },
): WeightChoice | "automatic" {
  const weights = asked ?? (blockWeights?.byDefault === true ? "automatic" : "unpacked");
  return weights === "automatic" && askedDType === "f32" ? "unpacked" : weights;
}

/** What a plan is made from. */
export interface WeightPlanOptions {
  readonly checkpoint: Checkpoint;
  readonly adapter: ModelAdapter;
  readonly spec: ModelSpec;
  /** What is computed in. */
  readonly dtype: FloatDType;
  readonly backend: { readonly name: string; readonly blockWeights?: BlockWeights };
  /** "automatic" stores what the backend computes on as it is, and unpacks anything else. */
  readonly weights: WeightChoice | "automatic";
  /** See `ModelFiles.quantisation`. */
  readonly quantisation?: string | undefined;
}

const quantisations: Partial<Record<WeightChoice, string>> = { q8_0: "Q8_0", q4_k: "Q4_K", fp8: "F8_E4M3" };

/** Whether a format keeps several elements under one scale. */
export function isBlocked(type: string): boolean {
  return (weightFormats.get(type)?.blockSize ?? 1) > 1;
}

/** Which format each matrix of a model is kept in, decided before any is read. */
export class WeightPlan {
  private constructor(
    /** Dtype of matrices that are multiplied as floats. */
    readonly floatDType: FloatDType,
    /** Format that float matrices are quantised to; undefined: they stay floats. */
    readonly quantisation: string | undefined,
    /** What a user should know of the choice; undefined where it is what was asked for. */
    readonly note: string | undefined,
    /** Formats of a weight, by the name of its first tensor; absent for weights of floats. */
    private readonly formats: ReadonlyMap<string, readonly string[]>,
    /** Whether tokens are embedded from the table in the blocks of the file; a head that is tied to it is the same weight then. */
    readonly embedsBlocks: boolean,
    /** Bytes that all weights will take. */
    readonly byteLength: number,
  ) {}

  /** @throws InvalidOptionError for what the file, its shapes or the backend cannot be kept as */
  static of(options: WeightPlanOptions): WeightPlan {
    const { adapter, spec, dtype, backend } = options;
    const packed = packedTensors(adapter, spec);
    const shapes = new Map(packed.flatMap(({ names, inFeatures }) => names.map((name) => [name, storedShape(options, name, inFeatures)] as const)));
    const blocked = [...new Set([...shapes.values()].map(({ format }) => format))].filter(isStored);
    const missing = blocked.filter((type) => backend.blockWeights?.formats.includes(type) !== true);
    const choice = options.weights === "automatic" ? (blocked.length > 0 && missing.length === 0 ? "stored" : "unpacked") : options.weights;
    if (choice === "f32" && dtype !== "f32") throw refusal(`Weights in f32 need activations in f32, not ${dtype}.`, "Compute in f32 (--dtype f32), or keep weights as bf16.");
    const quantisation = quantisations[choice];
    if (quantisation !== undefined) requireQuantisable(options, packed, blocked, quantisation);
    if (choice === "stored" && missing.length > 0) {
      throw refusal(
        `The backend ${backend.name} does not compute on weights in ${missing.join(", ")} as they are stored.`,
        `Unpack them (--weights unpacked)${backend.blockWeights === undefined ? ", or take the cpu backend" : `, or take a file in ${backend.blockWeights.formats.join(", ")}`}.`,
      );
    }
    const floatDType = choice === "f32" || choice === "bf16" ? choice : dtype;
    const formats = new Map<string, readonly string[]>();
    let byteLength = predictWeightBytes(spec, dtype);
    for (const weight of packed) {
      const matrices = keptShapes(weight, shapes, choice);
      const elements = weight.outFeatures * weight.inFeatures;
      if (matrices !== undefined) formats.set(weight.names[0]!, matrices.map(({ format }) => format));
      const bytes = matrices === undefined ? elements * dtypeByteSize(floatDType) : backend.blockWeights!.packedBytes(matrices, weight.inFeatures);
      byteLength += bytes - elements * dtypeByteSize(dtype);
    }
    const embedding = adapter.weightName("embedding", 0);
    const { type } = options.checkpoint.entry(embedding);
    const embedsBlocks = choice === "stored" && isBlocked(type) && backend.blockWeights?.embeds === true && backend.blockWeights.formats.includes(type);
    if (embedsBlocks) {
      formats.set(embedding, [type]);
      byteLength -= spec.vocabularySize * spec.hiddenSize * dtypeByteSize(dtype);
      if (!spec.tiedEmbeddings) byteLength += backend.blockWeights!.packedBytes([{ format: type, rows: spec.vocabularySize }], spec.hiddenSize);
    }
    return new WeightPlan(floatDType, quantisation, planNote(options, missing, formats), formats, embedsBlocks, byteLength);
  }

  /** Formats of the tensors of a weight that is computed on in blocks; undefined for one of floats. */
  formatsOf(names: readonly string[]): readonly string[] | undefined {
    return this.formats.get(names[0]!);
  }

  /** The formats in words: "Q4_1, Q8_0", "bf16". */
  get text(): string {
    const formats = new Set([...this.formats.values()].flat());
    return formats.size === 0 ? this.floatDType : [...formats].sort().join(", ");
  }
}

/** Whether a matrix of the file is kept in less than floats. */
function isStored(format: string): boolean {
  return isBlocked(format) || (scaledFormats as readonly string[]).includes(format);
}

/** What a matrix would be stored as: in blocks, under scales beside it where there is a kernel for those, or in floats. */
function storedShape({ checkpoint, backend: { blockWeights }, weights }: WeightPlanOptions, name: string, inFeatures: number): BlockMatrixShape {
  const { type, shape } = checkpoint.entry(name);
  const scaled = weights === "stored" || weights === "automatic" ? checkpoint.scaled?.(name) : undefined;
  const hasKernel = scaled !== undefined && blockWeights?.formats.includes(scaled.format) === true && (blockWeights.problems?.(scaled, inFeatures) ?? []).length === 0;
  return hasKernel ? scaled : { format: type, rows: shape[0]! };
}

/** The matrices of a weight that is not kept in floats. */
function keptShapes({ names, routes }: PackedTensors, shapes: ReadonlyMap<string, BlockMatrixShape>, choice: WeightChoice): readonly BlockMatrixShape[] | undefined {
  const stored = names.map((name) => shapes.get(name)!);
  const quantisation = quantisations[choice];
  if (quantisation !== undefined) return routes ? undefined : stored.map(({ rows }) => ({ format: quantisation, rows }));
  return choice === "stored" && stored.every(({ format }) => isStored(format)) ? stored : undefined;
}

/** What a user should know of the choice. */
function planNote({ backend, dtype, weights, quantisation }: WeightPlanOptions, missing: readonly string[], formats: ReadonlyMap<string, unknown>): string | undefined {
  if (weights === "automatic" && missing.length > 0 && backend.blockWeights !== undefined) {
    return `The backend ${backend.name} has no kernels for weights in ${missing.join(", ")}: the weights are unpacked to ${dtype}.`;
  }
  if (quantisation === undefined || formats.size > 0) return undefined;
  const reason = weights === "stored" || backend.blockWeights?.formats.includes("I4") !== true ? ", which has no kernels here" : "";
  return `The weights are quantised as ${quantisation}${reason}: they are unpacked while they are loaded, and take the memory of floats.`;
}

function requireQuantisable({ backend, spec, quantisation }: WeightPlanOptions, packed: readonly PackedTensors[], blocked: readonly string[], format: string): void {
  if (blocked.length > 0 || quantisation !== undefined) {
    throw refusal(`The file is quantised already (${quantisation ?? blocked.join(", ")}): its weights cannot be quantised to ${format}.`, "Leave --weights out, or take the model that the file was made from.");
  }
  if (backend.blockWeights?.formats.includes(format) !== true) {
    throw refusal(`The backend ${backend.name} does not compute on weights in ${format}.`, "Keep weights as bf16, or take the cpu backend.");
  }
  if (spec.layers.some(({ feedForward }) => feedForward.kind === "experts")) {
    throw refusal("Experts are multiplied as floats: a model that has them cannot be quantised while it is loaded.", "Keep weights as bf16.");
  }
  // Of e4m3 each output has a scale.
  const blockSize = weightFormats.get(format)?.blockSize ?? 1;
  const uneven = packed.find(({ inFeatures, routes }) => !routes && inFeatures % blockSize !== 0);
  if (uneven !== undefined) {
    const hint = uneven.inFeatures % 32 === 0 && blockSize > 32 ? "Take q8_0, whose blocks are of 32." : "Keep weights as bf16.";
    throw refusal(`${uneven.names[0]} has ${uneven.inFeatures} inputs, which are not whole blocks of ${blockSize} (${format}).`, hint);
  }
}

function refusal(message: string, hint: string): InvalidOptionError {
  return new InvalidOptionError(message, "weights", hint);
}
