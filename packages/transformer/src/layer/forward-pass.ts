import type { MemoryScope } from "@elastic-attention/core";
import type { Backend, FloatDType, RankGroup } from "@elastic-attention/tensor";
import { Workspace } from "../memory/workspace.js";
import type { ModelSpec } from "../model/model-spec.js";
import type { DecoderWeights } from "./decoder-weights.js";
import type { Runner } from "./decoder-layer.js";
import { embedTokens } from "./embed-tokens.js";
import { BatchRotations } from "./rotation/batch-rotations.js";
import type { ModelRotations } from "./rotation/model-rotations.js";
import type { SequenceHistories } from "./rotation/sequence-histories.js";
import { layOut, type SequenceBatch, type SequenceTokens } from "./sequence-batch.js";

/** What every forward pass of a model shares. */
export interface DecoderCore {
  readonly backend: Backend;
  /** Of the whole model, or of a rank's share. */
  readonly spec: ModelSpec;
  /** Who has the other shares; undefined where the model is whole. */
  readonly ranks?: RankGroup | undefined;
  /** Why their devices do not reach each other, where that slows sums down. */
  readonly rankProblem?: string | undefined;
  readonly dtype: FloatDType;
  readonly weights: DecoderWeights;
  readonly modelRotations: ModelRotations;
  readonly histories: SequenceHistories;
}

/** What runs the layers of a model on its backend. */
export function runnerOf({ backend, ranks }: Pick<DecoderCore, "backend" | "ranks">): Runner {
  const { kernels } = backend;
  return ranks === undefined ? kernels : { run: (operation, call) => kernels.run(operation, call), ranks };
}

/** One forward pass over sequences with caches: its tokens and its activations. */
export interface ForwardPass extends DecoderCore {
  readonly batch: SequenceBatch;
  readonly workspace: Workspace;
  readonly rotations: BatchRotations;
}

export interface ForwardOptions {
  /** Whether the queries must outlive the attention. Default false. */
  readonly keepQueries?: boolean;
  /** See `layOut`. */
  readonly turning?: "together" | "one by one";
}

/** Tokens, positions and activations of one pass, owned by `scope`; the residual stream holds the embeddings. */
export function beginForward(core: DecoderCore, sequences: readonly SequenceTokens[], scope: MemoryScope, { keepQueries, turning }: ForwardOptions = {}): ForwardPass {
  const { backend, spec, dtype } = core;
  const batch = layOut(backend, sequences, turning);
  scope.track(batch.ids);
  scope.track(batch.positions);
  const workspace = scope.track(new Workspace(backend, spec, dtype, batch.numTokens, backend.device.workSizes.chunkRows, keepQueries));
  const rotations = scope.track(new BatchRotations(core.modelRotations, batch));
  embedTokens(backend.kernels, core, batch.ids, workspace.hidden);
  return { ...core, batch, workspace, rotations };
}
