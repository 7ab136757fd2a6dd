import type { AttentionMode, HeadPlan } from "@elastic-attention/attention";
import { fromBFloat16, hostArray, MemoryScope, toBFloat16, type Tensor } from "@elastic-attention/tensor";
import { UnsupportedRouterError } from "./errors.js";
import { routerLogits } from "./operations/router-logits.js";
import type { RouterPooling } from "./operations/router-pooling.js";
import type { PendingScores, RouterInput, ScoringRouter } from "./router.js";
import type { RouterWeights } from "./router-weights.js";
import { scorePlan } from "./score-plan.js";

export interface LearnedRouterOptions {
  /** One for each layer; owned by the router. */
  readonly layers: readonly RouterWeights[];
  readonly retrievalMode: AttentionMode;
  readonly sparseMode: AttentionMode;
  /** Default: first and last 100 tokens (paper D.1). */
  readonly pooling?: RouterPooling;
  /**
   * "float32" (default) decides on the logits; "bfloat16" rounds everything, and the probabilities last, as the
   * published bf16 model does: a lead below about 0.004 becomes a tie, and ties are sparse (reference semantics 1.4).
   */
  readonly tieRule?: "float32" | "bfloat16";
}

/** The trained Attention Router (paper section 3.2): one per layer, shared by the layer's heads, no noise at inference. */
export class LearnedRouter implements ScoringRouter {
  readonly name = "learned";
  readonly modes: readonly [AttentionMode, AttentionMode];

  constructor(private readonly options: LearnedRouterOptions) {
    this.modes = [options.retrievalMode, options.sparseMode];
  }

  /** Parameters of all layers. */
  get parameters(): number {
    return this.options.layers.reduce((sum, layer) => sum + layer.parameters, 0);
  }

  /** Decides when the plan is asked: until then the device has other work to do than to be waited for. */
  route(input: RouterInput): HeadPlan {
    using scope = new MemoryScope();
    const logits = scope.track(this.#logits(input));
    const source = scope.track(this.#pendingScores(logits));
    const plan = scorePlan(input, this.modes, source, (scores) => Uint8Array.from(scores, (score) => (score > 0 ? 0 : 1)), logits);
    scope.move();
    return plan;
  }

  score(input: RouterInput): Float32Array {
    using scores = this.startScore(input);
    return scores.read();
  }

  startScore(input: RouterInput): PendingScores {
    using logits = this.#logits(input);
    return this.#pendingScores(logits);
  }

  [Symbol.dispose](): void {
    for (const layer of this.options.layers) layer[Symbol.dispose]();
  }

  #logits({ backend, layer, keys, offsets }: RouterInput): Tensor {
    const weights = this.options.layers[layer];
    if (weights === undefined) throw new UnsupportedRouterError(`The router has no weights for layer ${layer}.`);
    const output = backend.allocate([offsets.length - 1, keys.shape[1]!, weights.classes], "f32");
    try {
      const rounding = this.options.tieRule ?? "float32";
      const pooling = this.options.pooling ?? { kind: "boundary", tokens: 100 };
      backend.kernels.run(routerLogits, { keys, offsets, weights, pooling, rounding, output });
      return output;
    } catch (error) {
      output.dispose();
      throw error;
    }
  }

  #pendingScores(logits: Tensor): PendingScores {
    const download = logits.startDownload();
    return {
      read: () => this.#scores(hostArray(download.read(), "f32")),
      [Symbol.dispose]: () => download.dispose(),
    };
  }

  /** Lead of class 1 (retrieval) over class 0; 0 is a tie and goes to the sparse mode. */
  #scores(values: ArrayLike<number>): Float32Array {
    return Float32Array.from({ length: values.length / 2 }, (_, head) => {
      const lead = values[2 * head + 1]! - values[2 * head]!;
      return this.options.tieRule === "bfloat16" ? roundedLead(lead) : lead;
    });
  }
}

/** Lead of the retrieval class after both softmax probabilities were rounded to bf16. */
function roundedLead(lead: number): number {
  const retrieval = fromBFloat16(toBFloat16(1 / (1 + Math.exp(-lead))));
  const sparse = fromBFloat16(toBFloat16(1 / (1 + Math.exp(lead))));
  return retrieval === sparse ? 0 : lead;
}
