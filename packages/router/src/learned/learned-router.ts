import { MemoryScope, UnsupportedRouterError } from "@elastic-attention/core";
import { type AttentionMode, HeadPlan } from "@elastic-attention/attention";
import { fromBFloat16, hostArray, toBFloat16, type Tensor } from "@elastic-attention/tensor";
import { routerLogits } from "../operations/router-logits.js";
import type { RouterPooling } from "../operations/router-pooling.js";
import type { PendingScores, RouterInput, ScoringRouter } from "../router.js";
import type { RouterWeights } from "./router-weights.js";

export interface LearnedRouterOptions {
  /** By layer, undefined where it is never asked; they stay their owner's, as several routers may share them. */
  readonly layers: readonly (RouterWeights | undefined)[];
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
    return this.options.layers.reduce((sum, layer) => sum + (layer?.parameters ?? 0), 0);
  }

  /** The kernel decides; attention can take the decision from the device. */
  route(input: RouterInput): HeadPlan {
    const { backend, keys, offsets } = input;
    using scope = new MemoryScope();
    const assignment = scope.track(backend.allocate([offsets.length - 1, keys.shape[1]!], "u8"));
    const logits = scope.track(this.#logits(input, assignment));
    const plan = HeadPlan.onDevice({ modes: this.modes, assignment, logits });
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

  /** Nothing to give back: the weights are their owner's. */
  [Symbol.dispose](): void {}

  /** @param assignment gets what the logits decide */
  #logits({ backend, layer, keys, offsets }: RouterInput, assignment?: Tensor): Tensor {
    const weights = this.options.layers[layer];
    if (weights === undefined) throw new UnsupportedRouterError(`The router has no weights for layer ${layer}.`);
    const output = backend.allocate([offsets.length - 1, keys.shape[1]!, weights.classes], "f32");
    try {
      const rounding = this.options.tieRule ?? "float32";
      const pooling = this.options.pooling ?? { kind: "boundary", tokens: 100 };
      const decision = assignment === undefined ? {} : { decision: { assignment, threshold: this.#widestTie } };
      backend.kernels.run(routerLogits, { keys, offsets, weights, pooling, rounding, output, ...decision });
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
      return Math.abs(lead) <= this.#widestTie ? 0 : lead;
    });
  }

  /** Leads of either class up to this are ties. */
  get #widestTie(): number {
    return this.options.tieRule === "bfloat16" ? widestRoundedTie : 0;
  }
}

/** Whether both softmax probabilities are the same once they are rounded to bf16. */
function tiesWhenRounded(lead: number): boolean {
  const rounded = (value: number) => fromBFloat16(toBFloat16(value));
  return rounded(1 / (1 + Math.exp(-lead))) === rounded(1 / (1 + Math.exp(lead)));
}

/** The largest lead that is a tie once it is rounded, to the last bit: what is above it is decided alike on any device. */
const widestRoundedTie = (() => {
  let [tie, lead] = [0, 1];
  for (;;) {
    const middle = (tie + lead) / 2;
    if (middle === tie || middle === lead) return tie;
    if (tiesWhenRounded(middle)) tie = middle;
    else lead = middle;
  }
})();
