import type { MemoryScope } from "@elastic-attention/core";
import { allocateExperts, type Backend, fillNormal, type FloatDType, packExpert, packLinear, quantiseLinear, type Tensor } from "@elastic-attention/tensor";
import type { DecoderWeights, ExpertProjection, FeedForwardWeights, LayerWeights, NormWeights, Projection } from "../layer/decoder-weights.js";
import { type FeedForwardSpec, innerFeatures, type LayerSpec } from "../model/layer-spec.js";
import type { ModelSpec } from "../model/model-spec.js";
import { outputRows } from "../parallel/model-shard.js";
import { layerNorms } from "./expected-tensors.js";

/** Standard deviation of the matrices, that of a freshly initialised Llama. */
const deviation = 0.02;

export interface RandomWeightsOptions {
  readonly backend: Backend;
  readonly spec: ModelSpec;
  /** Type of tables, and of matrices without a format. */
  readonly dtype: FloatDType;
  /** Default 1. */
  readonly seed?: number;
  /** Format that matrices are rounded to where they are: F8_E4M3, Q8_0, Q4_K; experts stay floats. Default: kept in `dtype`. */
  readonly weightFormat?: string;
}

/** Weights of a model of that shape, drawn where they are needed, owned by `scope`. @throws OutOfMemoryError, UnsupportedOperationError */
export function makeRandomWeights({ backend, spec, dtype, seed = 1, weightFormat: format }: RandomWeightsOptions, scope: MemoryScope): DecoderWeights {
  const { hiddenSize, headDim, numQueryHeads, numKeyValueHeads, vocabularySize } = spec;
  const queries = numQueryHeads * headDim;
  let drawn = seed;
  const normal = (rows: number, columns: number): Tensor => {
    const output = backend.allocate([rows, columns], dtype);
    try {
      backend.kernels.run(fillNormal, { output, seed: drawn++, deviation });
      return output;
    } catch (error) {
      output.dispose();
      throw error;
    }
  };
  const vector = (length: number, value: number) => scope.track(backend.upload(new Float32Array(length).fill(value), [length], "f32"));
  const projection = (outputs: number, inputs: number, withBias: boolean): Projection => {
    using matrix = normal(outputs, inputs);
    const weights = [matrix];
    const weight = scope.track(format === undefined ? backend.kernels.run(packLinear, { weights, dtype }) : backend.kernels.run(quantiseLinear, { weights, format }));
    return withBias ? { weight, bias: vector(outputs, 0) } : { weight };
  };
  const norm = (): NormWeights => ({ gain: vector(hiddenSize, 1), ...(spec.norm.bias ? { bias: vector(hiddenSize, 0) } : {}) });
  const headNorms = () => {
    if (spec.queryKeyNorm === "none") return {};
    const [queryHeads, keyHeads] = spec.queryKeyNorm === "head" ? [1, 1] : [numQueryHeads, numKeyValueHeads];
    return { queryNorm: vector(queryHeads * headDim, 1), keyNorm: vector(keyHeads * headDim, 1) };
  };
  const experts = (numExperts: number, outFeatures: number, inFeatures: number, withBias: boolean): ExpertProjection => {
    const weight = scope.track(backend.kernels.run(allocateExperts, { numExperts, outFeatures, inFeatures, dtype }));
    for (let expert = 0; expert < numExperts; expert++) {
      using matrix = normal(outFeatures, inFeatures);
      backend.kernels.run(packExpert, { experts: weight, expert, weights: [matrix] });
    }
    const zeros = new Float32Array(withBias ? numExperts * outFeatures : 0);
    return withBias ? { weight, bias: scope.track(backend.upload(zeros, [numExperts, outFeatures], "f32")) } : { weight };
  };
  const feedForwardOf = (feedForward: FeedForwardSpec): FeedForwardWeights => {
    const { intermediateSize, bias } = feedForward;
    if (feedForward.kind === "dense") {
      return {
        kind: "dense",
        gateUp: projection(innerFeatures(feedForward), hiddenSize, bias),
        down: projection(hiddenSize, intermediateSize, bias),
      };
    }
    const { numExperts, routerBias } = feedForward;
    return {
      kind: "experts",
      router: projection(numExperts, hiddenSize, routerBias),
      gateUp: experts(numExperts, innerFeatures(feedForward), hiddenSize, bias),
      down: experts(numExperts, hiddenSize, intermediateSize, bias),
    };
  };
  const layer = ({ feedForward }: LayerSpec): LayerWeights => {
    return {
      ...Object.fromEntries(layerNorms(spec).map((role) => [role, norm()])),
      ...headNorms(),
      ...(spec.attentionSinks ? { sinks: vector(numQueryHeads, 0) } : {}),
      queryKeyValue: projection(queries + 2 * numKeyValueHeads * headDim, hiddenSize, spec.queryKeyValueBias),
      attentionOutput: projection(hiddenSize, queries, spec.attentionOutputBias),
      feedForward: feedForwardOf(feedForward),
    };
  };
  return {
    embedding: scope.track(normal(vocabularySize, hiddenSize)),
    layers: spec.layers.map(layer),
    finalNorm: norm(),
    output: projection(outputRows(spec), hiddenSize, false),
  };
}
