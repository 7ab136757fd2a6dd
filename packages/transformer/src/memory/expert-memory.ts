import type { MemoryScope } from "@elastic-attention/core";
import { type Backend, type DType, type Tensor, tensorByteLength } from "@elastic-attention/tensor";
import type { ExpertTensors } from "../layer/expert-feed-forward.js";
import { type ExpertsFeedForward, innerFeatures, type LayerSpec } from "../model/layer-spec.js";

type Part = readonly [shape: readonly number[], dtype: DType];

/** Shapes and types of what a layer of experts needs for some rows. */
function expertParts({ numExperts, expertsPerToken, ...spec }: ExpertsFeedForward, rows: number, hiddenSize: number, dtype: DType) {
  const slots = rows * expertsPerToken;
  return {
    logits: [[rows, numExperts], "f32"],
    chosen: [[rows, expertsPerToken], "i32"],
    weights: [[rows, expertsPerToken], "f32"],
    offsets: [[numExperts + 1], "i32"],
    rows: [[slots], "i32"],
    slots: [[rows, expertsPerToken], "i32"],
    input: [[slots, hiddenSize], dtype],
    inner: [[slots, innerFeatures(spec)], dtype],
  } as const satisfies Record<string, Part>;
}

type PartName = keyof ReturnType<typeof expertParts>;

/** Makes the memory of a layer of experts, each tensor by `allocate`. */
export function expertTensors(
  allocate: (shape: readonly number[], dtype: DType, name: PartName | "output") => Tensor,
  spec: ExpertsFeedForward,
  rows: number,
  hiddenSize: number,
  dtype: DType,
): ExpertTensors {
  const parts = expertParts(spec, rows, hiddenSize, dtype);
  const of = (name: PartName) => allocate(parts[name][0], parts[name][1], name);
  return {
    logits: of("logits"),
    chosen: of("chosen"),
    weights: of("weights"),
    groups: { offsets: of("offsets"), rows: of("rows"), slots: of("slots") },
    input: of("input"),
    inner: of("inner"),
    output: allocate(parts.input[0], dtype, "output"),
  };
}

/** Memory of the layers of experts of one forward pass, used by each in turn; nothing where there are none. */
export class ExpertWorkspace {
  readonly #memory = new Map<PartName, Tensor>();
  readonly #hiddenSize: number;
  readonly #dtype: DType;

  /** @param chunkRows most rows at a time */
  constructor(backend: Backend, scope: MemoryScope, layers: readonly LayerSpec[], chunkRows: number, hiddenSize: number, dtype: DType) {
    this.#hiddenSize = hiddenSize;
    this.#dtype = dtype;
    for (const [name, [shape, type]] of largestParts(layers, chunkRows, hiddenSize, dtype)) {
      const elements = shape.reduce((product, size) => product * size, 1);
      this.#memory.set(name, scope.track(backend.allocate([elements], type)));
    }
  }

  /** What the experts give takes the place of what they read. */
  tensors(rows: number, spec: ExpertsFeedForward): ExpertTensors {
    const view = (shape: readonly number[], _dtype: DType, name: PartName | "output") => {
      const elements = shape.reduce((product, size) => product * size, 1);
      return this.#memory.get(name === "output" ? "input" : name)!.rows(0, elements).reshape(shape);
    };
    return expertTensors(view, spec, rows, this.#hiddenSize, this.#dtype);
  }
}

/** Bytes of an {@link ExpertWorkspace}. */
export function expertWorkspaceBytes(layers: readonly LayerSpec[], chunkRows: number, hiddenSize: number, dtype: DType): number {
  return largestParts(layers, chunkRows, hiddenSize, dtype).reduce((sum, [, part]) => sum + tensorByteLength(...part), 0);
}

/** The largest of each part over all layers. */
function largestParts(layers: readonly LayerSpec[], rows: number, hiddenSize: number, dtype: DType): (readonly [PartName, Part])[] {
  const largest = new Map<PartName, Part>();
  for (const { feedForward } of layers) {
    if (feedForward.kind !== "experts") continue;
    for (const [name, part] of Object.entries(expertParts(feedForward, rows, hiddenSize, dtype)) as [PartName, Part][]) {
      const known = largest.get(name);
      if (known === undefined || tensorByteLength(...known) < tensorByteLength(...part)) largest.set(name, part);
    }
  }
  return [...largest];
}
