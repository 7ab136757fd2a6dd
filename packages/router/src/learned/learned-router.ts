import { MemoryScope, UnsupportedRouterError } from "@elastic-attention/core";
import { type AttentionMode, HeadPlan } from "@elastic-attention/attention";
import { type DType, fromBFloat16, hostArray, toBFloat16, type Tensor } from "@elastic-attention/tensor";
import { decisionLogits, decisionsOf } from "./decision-logits.js";
import type { RouterPooling } from "../operations/router-pooling.js";
import type { PendingScores, RouterInput, ScoringRouter } from "../router.js";
import type { RouterDescription } from "../router-description.js";
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

/**
 * The trained Attention Router (paper section 3.2): one per layer, shared by the layer's heads, no noise at inference. Weights
 * that decide about whole layers (Flux Attention) look at the queries instead of the keys.
 */
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

  /** As its weights say. */
  get decidesWholeLayers(): boolean {
    return this.options.layers[0]?.decides === "layer";
  }

  /** The kernel decides about heads, and attention can take the decision from the device; about a layer the host does. */
  route(input: RouterInput): HeadPlan {
    if (this.decidesWholeLayers && input.share !== undefined) throw this.#wholeLayersOnly();
    if (this.decidesWholeLayers) return this.#routeLayer(input);
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
    return this.#pendingScores(logits, this.decidesWholeLayers ? input.keys.shape[1]! : 1);
  }

  #routeLayer(input: RouterInput): HeadPlan {
    const [sequences, heads] = [input.offsets.length - 1, input.keys.shape[1]!];
    using scope = new MemoryScope();
    const logits = scope.track(this.#logits(input));
    const source = scope.track(this.#pendingScores(logits, heads));
    const decide = () => {
      const scores = source.read();
      return Array.from({ length: sequences }, (_, row) => Uint8Array.from(scores.subarray(row * heads, (row + 1) * heads), (score) => (score > 0 ? 0 : 1)));
    };
    const plan = HeadPlan.pending({ modes: this.modes, shape: [sequences, heads], decide, source, logits });
    scope.move();
    return plan;
  }

  describe(): RouterDescription {
    if (this.decidesWholeLayers) throw this.#wholeLayersOnly();
    const { retrievalMode, sparseMode, tieRule = "float32" } = this.options;
    return { kind: "learned", retrievalMode, sparseMode, tieRule };
  }

  #wholeLayersOnly(): UnsupportedRouterError {
    return new UnsupportedRouterError("Routers that decide about whole layers (Flux Attention) average over all heads, which one of several ranks does not have.", "Use one card with them.");
  }

  /** Nothing to give back: the weights are their owner's. */
  [Symbol.dispose](): void {}

  /** @param assignment gets what the logits decide */
  #logits({ backend, layer, keys, queries, offsets }: RouterInput, assignment?: Tensor): Tensor {
    const weights = this.options.layers[layer];
    if (weights === undefined) throw new UnsupportedRouterError(`The router has no weights for layer ${layer}.`);
    using scope = new MemoryScope();
    const runner = {
      allocate: (shape: readonly number[], dtype: DType) => scope.track(backend.allocate(shape, dtype)),
      run: backend.kernels.run.bind(backend.kernels),
    };
    const output = backend.allocate([offsets.length - 1, decisionsOf(weights, keys.shape[1]!), weights.classes], "f32");
    try {
      decisionLogits(runner, {
        keys,
        queries,
        offsets,
        weights,
        pooling: this.options.pooling ?? { kind: "boundary", tokens: 100 },
        rounding: this.options.tieRule ?? "float32",
        output,
        ...(assignment === undefined ? {} : { decision: { assignment, threshold: this.#widestTie } }),
      });
      return output;
    } catch (error) {
      output.dispose();
      throw error;
    }
  }

  /** @param heads that share each decision */
  #pendingScores(logits: Tensor, heads: number): PendingScores {
    const download = logits.startDownload();
    return {
      read: () => this.#scores(hostArray(download.read(), "f32"), heads),
      [Symbol.dispose]: () => download.dispose(),
    };
  }

  /** Lead of class 1 (retrieval) over class 0; 0 is a tie and goes to the sparse mode. */
  #scores(values: ArrayLike<number>, heads: number): Float32Array {
    return Float32Array.from({ length: (values.length / 2) * heads }, (_, head) => {
      const at = 2 * Math.floor(head / heads);
      const lead = values[at + 1]! - values[at]!;
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
