import type { SequenceCache } from "@elastic-attention/attention";
import { registerLlama } from "@elastic-attention/model-llama";
import type { Router } from "@elastic-attention/router";
import type { Backend } from "@elastic-attention/tensor";
import { PretrainedModel, TokenSampler } from "@elastic-attention/transformer";
import { timed } from "../figures/contenders.js";
import type { ModelShape } from "./model-shape.js";
import { randomCheckpoint } from "./random-checkpoint.js";

/** A random checkpoint opened on a backend: our side of the prefill and decode benchmarks. */
export class OwnModel implements Disposable {
  private constructor(
    private readonly backend: Backend,
    private readonly shape: ModelShape,
    readonly model: PretrainedModel,
  ) {}

  static async open(backend: Backend, shape: ModelShape, progress: (line: string) => void): Promise<OwnModel> {
    registerLlama();
    const path = randomCheckpoint(shape, progress);
    progress(`loading the ${shape.name} shape`);
    return new OwnModel(backend, shape, await PretrainedModel.open({ path, backend, dtype: "bf16" }));
  }

  /** An empty cache in bf16 with room for `reserveTokens` after its prompt. */
  cache(reserveTokens = 0): SequenceCache {
    return this.model.decoder.createCache({ reserveTokens, paged: false });
  }

  /** Seconds for a whole prompt, logits of its last token included. */
  async prefill(tokens: readonly number[], cache: SequenceCache, router?: Router): Promise<number> {
    return timed(async () => {
      const sequence = router === undefined ? { tokens, cache } : { tokens, cache, router };
      const { logits } = await this.model.decoder.prefill({ sequences: [sequence] });
      logits.dispose();
      await this.backend.synchronize();
    });
  }

  /** Greedy: feeds `start`, then each token it chooses, `count` steps in all. */
  async decode(start: number, count: number, cache: SequenceCache): Promise<{ seconds: number; tokens: number[] }> {
    const tokens: number[] = [];
    const { decoder } = this.model;
    using greedy = new TokenSampler(this.backend, decoder.spec.vocabularySize);
    const seconds = await timed(() => {
      for (let token = start; tokens.length < count; tokens.push(token)) token = decoder.decodeTokens([token], [cache], [greedy])[0]!;
    });
    return { seconds, tokens };
  }

  [Symbol.dispose](): void {
    this.model[Symbol.dispose]();
  }
}
