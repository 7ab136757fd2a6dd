import type { MemoryScope } from "@elastic-attention/core";
import type { Backend, FloatDType } from "@elastic-attention/tensor";
import { Workspace } from "../memory/workspace.js";
import type { ModelSpec } from "../model/model-spec.js";
import type { DecoderWeights } from "./decoder-weights.js";
import { embedTokens } from "./embed-tokens.js";
import { BatchRotations } from "./rotation/batch-rotations.js";
import type { ModelRotations } from "./rotation/model-rotations.js";
import type { SequenceHistories } from "./rotation/sequence-histories.js";
import { layOut, type SequenceBatch, type SequenceTokens } from "./sequence-batch.js";

/** What every forward pass of a model shares. */
export interface DecoderCore {
  readonly backend: Backend;
  readonly spec: ModelSpec;
  readonly dtype: FloatDType;
  readonly weights: DecoderWeights;
  readonly modelRotations: ModelRotations;
  readonly histories: SequenceHistories;
}

/** One forward pass over sequences with caches: its tokens and its activations. */
export interface ForwardPass extends DecoderCore {
  readonly batch: SequenceBatch;
  readonly workspace: Workspace;
  readonly rotations: BatchRotations;
}

/** Tokens, positions and activations of one pass, owned by `scope`; the residual stream holds the embeddings. */
export function beginForward(core: DecoderCore, sequences: readonly SequenceTokens[], scope: MemoryScope, keepQueries = false): ForwardPass {
  const { backend, spec, dtype } = core;
  const batch = layOut(backend, sequences);
  scope.track(batch.ids);
  scope.track(batch.positions);
  const workspace = scope.track(new Workspace(backend, spec, dtype, batch.numTokens, backend.device.workSizes.chunkRows, keepQueries));
  const rotations = scope.track(new BatchRotations(core.modelRotations, batch));
  embedTokens(backend.kernels, core, batch.ids, workspace.hidden);
  return { ...core, batch, workspace, rotations };
}
