import { setImmediate } from "node:timers/promises";
import { MemoryScope, OutOfMemoryError, ShapeError } from "@elastic-attention/core";
import { attentionModeDefinition } from "@elastic-attention/attention";
import { countRows, routerParameters, type RouterWeights } from "@elastic-attention/router";
import { type Backend, cast, downloadFloats, type FloatArray, Tape, type Tensor, uploadFloats } from "@elastic-attention/tensor";
import { DecoderModel } from "../decoder-model.js";
import type { LoadOptions } from "../decoder-options.js";
import { embedTokens } from "../layer/embed-tokens.js";
import { BatchRotations } from "../layer/rotation/batch-rotations.js";
import { type ModelSpec, routedLayers } from "../model/model-spec.js";
import { checkPack } from "./check-pack.js";
import { hiddenStateDistance } from "./hidden-state-distance.js";
import { languageModelLoss } from "./language-model-loss.js";
import { LayerGates } from "./layer-gates.js";
import { TrainingBatch } from "./training-batch.js";
import { runTrainingLayer } from "./training-pass.js";
import { defaultTrainingChunkRows, keptAttentionBytes, predictTrainingMemory } from "../memory/training-memory.js";
import type { GateDecision, TrainingStepOptions, TrainingStepResult } from "./training-step.js";

/** Of the memory beside a step, for outputs of the attention that are kept; the rest is for the kernels' own needs. */
const shareOfWhatIsLeft = 0.8;

export interface TrainingModelOptions {
  /** Rows that norms, projections and the MLP take at a time. Default 4096. */
  readonly chunkRows?: number;
}

/**
 * A frozen decoder and the gradients of its routers. Nothing else is trained: no weight of the decoder has a gradient,
 * and none flows below the first layer's router.
 */
export class TrainingModel implements Disposable {
  private constructor(
    private readonly decoder: DecoderModel,
    private readonly isOwner: boolean,
    private readonly options: TrainingModelOptions,
  ) {}

  /** Loads a decoder for training alone; see `DecoderModel.load`. */
  static async load(options: LoadOptions & TrainingModelOptions): Promise<TrainingModel> {
    return new TrainingModel(await DecoderModel.load(options), true, options);
  }

  /** Trains on the weights of a decoder that also generates; it stays its owner's. */
  static share(decoder: DecoderModel, options: TrainingModelOptions = {}): TrainingModel {
    return new TrainingModel(decoder, false, options);
  }

  get backend(): Backend {
    return this.decoder.backend;
  }

  get spec(): ModelSpec {
    return this.decoder.spec;
  }

  /**
   * Loss of one pack and the gradients of all routers. The memory of the step is given back when it ends, also by an
   * error or `signal`, which is obeyed between layers.
   *
   * @throws TrainingPackError, ShapeError, OutOfMemoryError before any work where that can be known; the signal's reason
   */
  async step(options: TrainingStepOptions): Promise<TrainingStepResult> {
    const keepingLayers = this.#admit(options);
    const { backend, spec } = this;
    const { pack, routers, signal, checkpointing = true } = options;
    using scope = new MemoryScope();
    const batch = scope.track(new TrainingBatch(backend, pack, this.options.chunkRows ?? defaultTrainingChunkRows));
    const gradients = routers.map((router) => zeroGradients(router, scope));
    using tape = new Tape(backend);
    for (const [layer, router] of routers.entries()) {
      for (const [index, parameter] of routerParameters(router).entries()) tape.watch(parameter, gradients[layer]![index]!);
    }
    const progress = this.#progress(options);
    const teacher = options.loss === "hidden-states" ? await this.#teacher(options, batch, scope) : undefined;
    const { hidden, layers } = await this.#forward(tape, options, batch, scope, progress, keepingLayers);
    const { loss: gateLoss, gradients: gateGradients } = options.gateLoss(layers.map(({ gates }) => gates));
    for (const [index, layer] of layers.entries()) layer.gateLossGradient = gateGradients[index]!;
    const loss =
      teacher === undefined
        ? languageModelLoss(tape, this.decoder.core.weights, spec, batch, hidden, signal)
        : hiddenStateDistance(tape, batch, hidden, teacher, signal);
    await progress();
    for (let steps = tape.numSteps; tape.stepBack(); steps--) {
      if (checkpointing) await progress();
      else if (steps % 16 === 0) await yieldTo(signal);
    }
    return {
      languageModelLoss: loss,
      gateLoss,
      gates: layers.map(({ gates }) => gates),
      routerGradients: gradients.map(joined),
    };
  }

  /** All layers; the tape decides what is kept for the way back, and the last `keepingLayers` keep their attention's outputs. */
  async #forward(
    tape: Tape,
    options: TrainingStepOptions,
    batch: TrainingBatch,
    scope: MemoryScope,
    progress: () => Promise<void>,
    keepingLayers: number,
  ): Promise<{ hidden: Tensor; layers: LayerGates[] }> {
    const { spec } = this;
    const { routers, checkpointing = true, deterministic = false } = options;
    const { weights, modelRotations } = this.decoder.core;
    const rotations = scope.track(new BatchRotations(modelRotations, batch));
    let hidden = tape.allocate([batch.numRows, spec.hiddenSize], this.decoder.dtype);
    embedTokens(tape, this.decoder.core, batch.ids, hidden);
    const layers: LayerGates[] = [];
    const routed = routedLayers(spec);
    for (const [layer, layerWeights] of weights.layers.entries()) {
      const index = routed.indexOf(layer);
      const layerGates = index < 0 ? undefined : scope.track(new LayerGates({ index, layer }, options, spec, batch, layer >= spec.numLayers - keepingLayers));
      if (layerGates !== undefined) layers.push(layerGates);
      const next = tape.allocate(hidden.shape, hidden.dtype);
      const routing = layerGates === undefined ? undefined : { router: routers[index]!, layerGates };
      const parts = { index: layer, spec, batch, rotations, weights: layerWeights, routed: routing };
      runTrainingLayer(tape, { ...parts, checkpointing, deterministic }, hidden, next);
      hidden = next;
      await progress();
    }
    return { hidden, layers };
  }

  /** Final hidden states with every head in the retrieval mode, which distillation compares with. */
  async #teacher(options: TrainingStepOptions, batch: TrainingBatch, scope: MemoryScope): Promise<Tensor> {
    using tape = new Tape(this.backend);
    const decide = (router: number, logits: FloatArray): GateDecision => {
      const gates = new Float32Array(logits.length / options.routers[router]!.classes).fill(1);
      return { gates, backward: () => new Float32Array(logits.length) };
    };
    const { hidden } = await this.#forward(tape, { ...options, decide }, batch, scope, () => yieldTo(options.signal), 0);
    const copy = scope.track(this.backend.allocate(hidden.shape, hidden.dtype));
    this.backend.kernels.run(cast, { input: hidden, output: copy });
    return copy;
  }

  [Symbol.dispose](): void {
    if (this.isOwner) this.decoder[Symbol.dispose]();
  }

  /** Refuses what can be known to be wrong; returns the number of layers whose attention there is memory to keep. */
  #admit({ pack, routers, retrievalMode, sparseMode, checkpointing = true, attentionMemoryBytes }: TrainingStepOptions): number {
    const { backend, spec } = this;
    for (const mode of [retrievalMode, sparseMode]) attentionModeDefinition(mode).validate(mode);
    const routed = routedLayers(spec).length;
    if (routed === 0) throw new ShapeError("Every layer of the model has a sliding window: there is nothing that a router could decide.");
    if (routers.length !== routed) throw new ShapeError(`${routers.length} routers for ${routed} layers.`);
    const foreign = routers.find(({ headDim }) => headDim !== spec.headDim);
    if (foreign !== undefined) throw new ShapeError(`A router for heads of ${foreign.headDim}; the model's have ${spec.headDim}.`);
    checkPack(pack, spec);
    if (!checkpointing) return 0;
    const pooledRows = routers.some(({ decides }) => decides === "layer") ? pack.pooledRanges.reduce((sum, ranges) => sum + countRows(ranges), 0) : 0;
    const needed = predictTrainingMemory(spec, this.decoder.dtype, pack.tokens.length, { chunkRows: this.options.chunkRows, pooledRows });
    const { liveBytes, limitBytes } = backend.memory();
    const left = limitBytes - liveBytes - needed;
    if (left < 0) throw new OutOfMemoryError(backend.name, needed, liveBytes, limitBytes, "a training step");
    const kept = keptAttentionBytes(spec, this.decoder.dtype, pack.tokens.length);
    return Math.min(spec.numLayers, Math.floor((attentionMemoryBytes ?? shareOfWhatIsLeft * left) / kept));
  }

  /** Counts what is done (each layer there and back, and the loss) and gives the event loop and the signal their turn. */
  #progress({ onProgress, signal }: TrainingStepOptions): () => Promise<void> {
    const total = 2 * this.spec.numLayers + 1;
    let done = 0;
    return async () => {
      done += 1;
      onProgress?.(Math.min(done, total), total);
      await yieldTo(signal);
    };
  }
}

async function yieldTo(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate();
  signal?.throwIfAborted();
}

/** A zero for every parameter of a router, in their order. */
function zeroGradients(router: RouterWeights, scope: MemoryScope): Tensor[] {
  return routerParameters(router).map((parameter) => {
    const gradient = scope.track(parameter.backend.allocate(parameter.shape, "f32"));
    uploadFloats(gradient, new Float32Array(gradient.numElements));
    return gradient;
  });
}

function joined(tensors: readonly Tensor[]): FloatArray {
  const parts = tensors.map(downloadFloats);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const flat = parts[0] instanceof Float64Array ? new Float64Array(length) : new Float32Array(length);
  let at = 0;
  for (const part of parts) {
    flat.set(part, at);
    at += part.length;
  }
  return flat;
}
