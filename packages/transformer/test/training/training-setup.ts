import type { AttentionMode } from "@elastic-attention/attention";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { expect } from "vitest";
import { elasticModeSettings, PretrainedModel, registerModelAdapter, TrainingModel, type TrainingStepOptions } from "../../src/index.js";
import { tinyAdapter, tinyCheckpoint } from "../tiny-checkpoint.js";
import { gateLoss, randomRouters, RelaxationDouble, trainingPack } from "./training-doubles.js";

registerModelAdapter(tinyAdapter);

export const modes = elasticModeSettings({ sinkTokens: 2, localTokens: 2, blockSize: 2, stride: 2, threshold: 0.7 });
/** Retrieval and sparse mode. */
export const pairs: Record<string, readonly [AttentionMode, AttentionMode]> = {
  "FA-SSA": [modes.full, modes.streaming],
  "FA-XA": [modes.full, modes.xattention],
  "XA-SSA": [modes.xattention, modes.streaming],
};

interface Setup {
  readonly backend: ReferenceBackend;
  readonly model: TrainingModel;
  /** A step of FA-SSA with straight-through gates. */
  readonly options: TrainingStepOptions;
}

/** A tiny decoder in training, and that nothing of it stays. */
export async function withModel(
  work: (setup: Setup) => Promise<void>,
  { precision = "f64", config = {}, lengths = [7, 5] }: { precision?: "f32" | "f64"; config?: Record<string, unknown>; lengths?: number[] } = {},
): Promise<void> {
  using folder = tinyCheckpoint({ config });
  const backend = new ReferenceBackend({ precision });
  {
    using pretrained = await PretrainedModel.open({ path: folder.path, backend });
    using model = TrainingModel.share(pretrained.decoder, { chunkRows: 4 });
    const routers = randomRouters(backend, 2, 8);
    const [retrievalMode, sparseMode] = pairs["FA-SSA"]!;
    const { decide } = new RelaxationDouble("straight");
    await work({ backend, model, options: { pack: trainingPack(lengths), routers, retrievalMode, sparseMode, decide, gateLoss } });
    for (const router of routers) router[Symbol.dispose]();
  }
  expect(backend.memory().liveAllocations).toBe(0);
}
