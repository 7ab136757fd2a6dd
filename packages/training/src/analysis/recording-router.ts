import type { HeadPlan } from "@elastic-attention/attention";
import { applyLinear, type LearnedRouter, pooledRanges, type Router, type RouterInput, type RouterPooling } from "@elastic-attention/router";
import type { RouterParameters } from "../routers/router-parameters.js";

/** What a learned router saw and decided in one layer for one prompt. */
export interface RoutedLayer {
  readonly layer: number;
  /** What each decision was made from: a key-value head's averaged keys, or the layer's averaged queries. */
  readonly pooled: readonly Float64Array[];
  /** The same after the task MLP. */
  readonly features: readonly Float64Array[];
  /** [kvHeads]: 1 where the head is sparse. */
  readonly sparse: Uint8Array;
}

/** A learned router that writes down what its task MLP makes of the keys or queries. */
export class RecordingRouter implements Router {
  readonly name = "recording";
  /** Layers of the prompts routed so far, in order. */
  readonly layers: RoutedLayer[] = [];

  constructor(
    private readonly router: LearnedRouter,
    private readonly parameters: RouterParameters,
    private readonly pooling: RouterPooling,
    /** Layers that have routers, in the order of the parameters. */
    private readonly routedLayers: readonly number[],
  ) {}

  get modes() {
    return this.router.modes;
  }

  route(input: RouterInput): HeadPlan {
    const plan = this.router.route(input);
    const heads = input.keys.shape[1]!;
    for (let sequence = 0; sequence + 1 < input.offsets.length; sequence++) {
      const pooled = this.#pool(input, sequence);
      const features = pooled.map((vector) => this.#taskMlp(input.layer, vector));
      const sparse = plan.waitForAssignment().slice(sequence * heads, (sequence + 1) * heads);
      this.layers.push({ layer: input.layer, pooled, features, sparse });
    }
    return plan;
  }

  /** The wrapped router stays its owner's. */
  [Symbol.dispose](): void {}

  #pool({ keys, queries, offsets }: RouterInput, sequence: number): Float64Array[] {
    const states = this.router.decidesWholeLayers ? queries! : keys;
    const [, heads, headDim] = states.shape as [number, number, number];
    const vectors = this.router.decidesWholeLayers ? 1 : heads;
    const pooled = Array.from({ length: vectors }, () => new Float64Array(headDim));
    let count = 0;
    for (const [start, end] of pooledRanges(this.pooling, offsets[sequence]!, offsets[sequence + 1]!, sequence)) {
      const rows = states.rows(start, end).toFloat32();
      // Where the layer has one vector, the heads are averaged too.
      for (const [index, value] of rows.entries()) pooled[Math.floor(index / headDim) % vectors]![index % headDim]! += value;
      count += ((end - start) * heads) / vectors;
    }
    return pooled.map((vector) => vector.map((value) => value / count));
  }

  #taskMlp(layer: number, vector: Float64Array): Float64Array {
    const [inWeight, inBias, outWeight, outBias] = this.parameters.tensors(this.routedLayers.indexOf(layer)).map(({ values }) => values);
    const hidden = applyLinear({ weight: inWeight!, bias: inBias! }, vector).map((value) => value / (1 + Math.exp(-value)));
    return applyLinear({ weight: outWeight!, bias: outBias! }, hidden);
  }
}
