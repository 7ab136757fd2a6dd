import { MemoryScope, ModelConfigError } from "@elastic-attention/core";
import type { Backend, BlockMatrix, Checkpoint, FloatDType, ScaledMatrix, Tensor } from "@elastic-attention/tensor";
import { allocateExperts, cast, elementDType, firstNotFinite, hostArray, LinearWeight, packBlocks, packExpert, packLinear, quantiseLinear, weightByteLength, weightFormat } from "@elastic-attention/tensor";
import type { ExpertProjection, NormWeights, Projection } from "../layer/decoder-weights.js";
import type { ExpertsFeedForward } from "../model/layer-spec.js";
import type { FusedRole, ModelAdapter, WeightRole } from "../model/model-adapter.js";
import type { ModelSpec } from "../model/model-spec.js";
import { biasName } from "./check-weights.js";
import { findNotFinite, finiteFloats } from "./host-floats.js";
import { joinedExperts } from "./joined-experts.js";
import { quantiseRows } from "./rows/quantise-rows.js";
import { RowUnpacker } from "./rows/row-unpacker.js";
import { notFinite, readSlice, SliceBuffers } from "./rows/unpack-rows.js";
import { isBlocked, type WeightPlan } from "./weight-plan.js";

export interface ReadWeightsOptions {
  readonly backend: Backend;
  readonly checkpoint: Checkpoint;
  readonly adapter: ModelAdapter;
  readonly spec: ModelSpec;
  /** What is computed in. */
  readonly dtype: FloatDType;
  /** What matrices are kept in; default: all in `dtype`. */
  readonly plan?: WeightPlan;
}

/** Reads weights by role from a checkpoint onto a backend. */
export class WeightReader {
  readonly #unpacker: RowUnpacker;
  /** Rows of matrices on their way into a weight, kept from one to the next: fresh memory for each costs more than the copy. */
  #rows: Tensor | undefined;
  /** Matrices as the file has them, on their way into a weight. */
  readonly #stored: SliceBuffers[] = [];
  /** Matrices whose values are checked where they are, and the numbers of the first broken elements. */
  readonly #checked: { readonly name: string; readonly found: Tensor }[] = [];

  constructor(
    private readonly options: ReadWeightsOptions,
    private readonly scope: MemoryScope,
    /** Lives as long as the loading. */
    private readonly loading: MemoryScope,
  ) {
    this.#unpacker = new RowUnpacker(options.checkpoint, loading);
  }

  /** The table of embeddings: in the blocks of the file where the plan has it so, else in the compute dtype. */
  embedding(shape: readonly number[]): Tensor | LinearWeight {
    const { backend, adapter, dtype, plan } = this.options;
    const name = adapter.weightName("embedding", 0);
    const inBlocks = plan?.embedsBlocks === true ? this.#inBlocks([name]) : undefined;
    if (inBlocks !== undefined) return inBlocks;
    const table = this.scope.track(backend.allocate(shape, dtype));
    this.#fill(table, name);
    return table;
  }

  /** The head of a model that has its embeddings as such. */
  tiedHead(table: Tensor | LinearWeight): LinearWeight {
    if (table instanceof LinearWeight) return table;
    const { backend, adapter, plan, dtype: computed } = this.options;
    const inBlocks = this.#inBlocks([adapter.weightName("embedding", 0)]);
    if (inBlocks !== undefined) return inBlocks;
    const dtype = plan?.floatDType ?? computed;
    const empty = backend.emptyWeight?.(table.shape[0]!, table.shape[1]!, dtype);
    if (empty === undefined) return this.scope.track(backend.kernels.run(packLinear, { weights: [table], dtype }));
    this.scope.track(empty.weight);
    backend.kernels.run(cast, { input: table, output: empty.rows });
    return empty.weight;
  }

  /** The one tensor in which checkpoints of this family keep several matrices, as the only role to read; undefined otherwise. */
  fused(role: FusedRole): readonly WeightRole[] | undefined {
    return this.options.adapter.fused?.includes(role) === true ? [role] : undefined;
  }

  /** A norm over the hidden size. */
  norm(role: WeightRole, layer: number): NormWeights {
    const gain = this.gain(role, layer);
    if (!this.options.spec.norm.bias) return { gain };
    return { gain, bias: this.#upload(this.#floats(biasName(this.options.adapter.weightName(role, layer)))) };
  }

  /** What a norm multiplies with, f32. */
  gain(role: WeightRole, layer: number): Tensor {
    const weight = this.#floats(this.options.adapter.weightName(role, layer));
    return this.#upload(this.options.spec.norm.gainFromOne ? weight.map((value) => 1 + value) : weight);
  }

  /** A vector as f32. */
  vector(role: WeightRole, layer: number): Tensor {
    return this.#upload(this.#floats(this.options.adapter.weightName(role, layer)));
  }

  /** Matrices joined along their outputs, packed, with their biases joined the same way. */
  projection(roles: readonly WeightRole[], layer: number, withBias: boolean): Projection {
    const names = roles.map((role) => this.options.adapter.weightName(role, layer));
    const weight = this.#weight(names);
    if (!withBias) return { weight };
    const values = names.map((name) => this.#floats(biasName(name)));
    return { weight, bias: this.#upload(joinFloats(values)) };
  }

  /**
   * The matrices of a layer's experts, packed, and their biases.
   * @param joined role of the tensor that holds all of them, in checkpoints that have one
   * @param roles of the tensors of one expert in the others, joined along their outputs
   */
  experts(joined: "expertGateUp" | "expertDown", roles: readonly WeightRole[], layer: number, { numExperts, bias }: ExpertsFeedForward): ExpertProjection {
    const { backend, checkpoint, adapter, spec, dtype } = this.options;
    const source = adapter.expertLayout === "joined" ? joinedExperts(checkpoint, adapter, spec, layer, joined) : undefined;
    const names = (expert: number) => roles.map((role) => adapter.weightName(role, layer, expert));
    const [outFeatures, inFeatures] = source?.size ?? [names(0).reduce((sum, name) => sum + checkpoint.entry(name).shape[0]!, 0), checkpoint.entry(names(0)[0]!).shape[1]!];
    const weight = this.scope.track(backend.kernels.run(allocateExperts, { numExperts, outFeatures, inFeatures, dtype }));
    for (let expert = 0; expert < numExperts; expert++) {
      using matrices = new MemoryScope();
      const weights =
        source === undefined
          ? this.#matrices(names(expert), matrices)
          : [matrices.track(backend.upload(source.matrix(expert), source.size, "f32"))];
      backend.kernels.run(packExpert, { experts: weight, expert, weights });
    }
    if (!bias) return { weight };
    const values = source?.biases() ?? joinFloats(Array.from({ length: numExperts }, (_, expert) => names(expert)).flat().map((name) => this.#floats(biasName(name))));
    return { weight, bias: this.scope.track(backend.upload(values, [numExperts, outFeatures], "f32")) };
  }

  /** Waits for everything that was read. @throws ModelConfigError naming the first matrix that is damaged */
  finish(): void {
    for (const { name, found } of this.#checked) {
      const index = hostArray(found.download(), "i32")[0]!;
      if (index >= 0) throw notFinite(name, index);
    }
  }

  #upload(values: Float32Array): Tensor {
    return this.scope.track(this.options.backend.upload(values, [values.length], "f32"));
  }

  /** Matrices as one weight in blocks, as the plan has it; undefined for weights of floats. */
  #inBlocks(names: readonly string[]): LinearWeight | undefined {
    const { backend, checkpoint, plan } = this.options;
    const formats = plan?.formatsOf(names);
    if (formats === undefined) return undefined;
    const rounded = plan!.quantisation === undefined ? undefined : this.#roundedOnDevice(names, plan!.quantisation);
    if (rounded !== undefined) return rounded;
    const weights = names.map((name, index): BlockMatrix | ScaledMatrix => {
      const scaled = plan!.quantisation === undefined ? checkpoint.scaled?.(name) : undefined;
      if (scaled !== undefined && scaled.format === formats[index]) return scaled.read();
      const { shape } = checkpoint.entry(name);
      const [format, rows, columns] = [formats[index]!, shape[0]!, shape[1]!];
      const bytes = plan!.quantisation === undefined ? this.#storedBytes(name, format, rows * columns, index) : quantiseRows(checkpoint, name, format);
      return { name, format, rows, columns, bytes };
    });
    return this.scope.track(backend.kernels.run(packBlocks, { weights }));
  }

  /** A matrix as the file has it, in memory of its place among those of a weight, until the next weight is read. */
  #storedBytes(name: string, format: string, elements: number, index: number): Uint8Array {
    const buffers = (this.#stored[index] ??= new SliceBuffers());
    return readSlice(this.options.checkpoint, name, 0, weightByteLength(weightFormat(format, name), elements), buffers);
  }

  /** Float matrices rounded where they are multiplied; undefined where the backend leaves that to the host. */
  #roundedOnDevice(names: readonly string[], format: string): LinearWeight | undefined {
    const { kernels } = this.options.backend;
    if (kernels.find(quantiseLinear, { weights: [], format }) === undefined) return undefined;
    using matrices = new MemoryScope();
    const weights = this.#matrices(names, matrices);
    try {
      return this.scope.track(kernels.run(quantiseLinear, { weights, format }));
    } catch (error) {
      // What is not finite in the file is told by name.
      this.finish();
      throw error;
    }
  }

  #weight(names: readonly string[]): LinearWeight {
    const { backend, checkpoint, plan, dtype: computed } = this.options;
    const inBlocks = this.#inBlocks(names);
    if (inBlocks !== undefined) return inBlocks;
    const dtype = plan?.floatDType ?? computed;
    const shapes = names.map((name) => checkpoint.entry(name).shape);
    const outFeatures = shapes.reduce((sum, shape) => sum + shape[0]!, 0);
    const empty = backend.emptyWeight?.(outFeatures, shapes[0]![1]!, dtype);
    if (empty === undefined) {
      using matrices = new MemoryScope();
      return this.scope.track(backend.kernels.run(packLinear, { weights: this.#matrices(names, matrices), dtype }));
    }
    this.scope.track(empty.weight);
    let row = 0;
    for (const [index, name] of names.entries()) {
      const rows = shapes[index]![0]!;
      this.#fill(empty.rows.rows(row, row + rows), name);
      row += rows;
    }
    return empty.weight;
  }

  /** Fills dense rows with a matrix, straight from the file where its type is theirs. */
  #fill(target: Tensor, name: string): void {
    const { backend, checkpoint } = this.options;
    const { type } = checkpoint.entry(name);
    if (isBlocked(type)) {
      this.#unpack(target, name);
      return;
    }
    if (elementDType(type) === target.dtype) {
      this.#read(target, name);
      return;
    }
    using scope = new MemoryScope();
    backend.kernels.run(cast, { input: this.#matrix(name, scope), output: target });
  }

  /** Matrices of as many columns, that are packed next. */
  #matrices(names: readonly string[], scope: MemoryScope): Tensor[] {
    const entries = names.map((name) => this.options.checkpoint.entry(name));
    if (!entries.every(({ type }) => isBlocked(type))) return names.map((name) => this.#matrix(name, scope));
    const columns = entries[0]!.shape[1]!;
    const outFeatures = entries.reduce((sum, { shape }) => sum + shape[0]!, 0);
    const all = this.#keptRows(outFeatures * columns).reshape([outFeatures, columns]);
    let row = 0;
    return entries.map(({ name, shape }) => {
      const matrix = all.rows(row, (row += shape[0]!));
      this.#unpack(matrix, name);
      return matrix;
    });
  }

  /** So many elements in the compute dtype, which the next call may give again. */
  #keptRows(elements: number): Tensor {
    if (this.#rows === undefined || this.#rows.numElements < elements) {
      this.#rows?.dispose();
      this.#rows = undefined;
      this.#rows = this.loading.track(this.options.backend.allocate([elements], this.options.dtype));
    }
    return this.#rows.rows(0, elements);
  }

  #unpack(target: Tensor, name: string): void {
    if (!this.#unpacker.unpack(target, name)) this.#check(name, target);
  }

  /** A matrix in the float type of its file; in the compute dtype where it is kept in blocks, in f32 where its type is none of ours. */
  #matrix(name: string, scope: MemoryScope): Tensor {
    const { backend, checkpoint } = this.options;
    const { type, shape } = checkpoint.entry(name);
    const dtype = isBlocked(type) ? this.options.dtype : elementDType(type);
    if (dtype !== "f32" && dtype !== "bf16" && dtype !== "f16") return scope.track(backend.upload(this.#floats(name), shape, "f32"));
    const matrix = scope.track(backend.allocate(shape, dtype));
    if (isBlocked(type)) this.#unpack(matrix, name);
    else this.#read(matrix, name);
    return matrix;
  }

  #read(target: Tensor, name: string): void {
    const { backend, checkpoint } = this.options;
    const place = backend.readFile === undefined ? undefined : checkpoint.locate(name);
    if (backend.readFile === undefined || place === undefined) {
      const bytes = checkpoint.read(name);
      const index = findNotFinite(bytes, checkpoint.entry(name).type);
      if (index >= 0) throw notFinite(name, index);
      backend.write(target, bytes);
      return;
    }
    try {
      backend.readFile(target, place.descriptor, place.position);
    } catch (error) {
      throw new ModelConfigError(
        `${name} cannot be read: ${(error as Error).message}.`,
        "The checkpoint is damaged or was changed while it was read; download it again.",
      );
    }
    this.#check(name, target);
  }

  /** Asks whether all elements are finite numbers; {@link finish} waits for the answer. */
  #check(name: string, matrix: Tensor): void {
    const { backend } = this.options;
    const found = this.loading.track(backend.allocate([1], "i32"));
    backend.kernels.run(firstNotFinite, { input: matrix, output: found });
    this.#checked.push({ name, found });
  }

  /** A small tensor as float32. */
  #floats(name: string): Float32Array {
    const { checkpoint } = this.options;
    return finiteFloats(checkpoint.read(name), checkpoint.entry(name).type, name);
  }
}

function joinFloats(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap((part) => Array.from(part)));
}
