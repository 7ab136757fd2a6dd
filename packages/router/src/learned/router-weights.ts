import { MissingTensorError, ShapeError, UnsupportedRouterError } from "@elastic-attention/core";
import type { Backend, Tensor } from "@elastic-attention/tensor";

/** One linear layer of a router: weight [out, in] and bias [out], f32. */
export interface RouterLinear {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

/**
 * The two MLPs of one layer's Attention Router (reference semantics 1.3): the task MLP headDim → width → headDim and the
 * router MLP headDim → width → headDim → classes, SiLU between. 263 682 parameters at headDim 128, width 512. In Flux Attention
 * (arXiv 2604.07394) the task MLP gives 2 · headDim features, and the decision is one for the whole layer.
 */
export interface RouterWeights extends RouterMlps, Disposable {
  readonly headDim: number;
  /** What a decision is about: each key-value head, by its pooled keys, or the layer, by the pooled queries of all heads. */
  readonly decides: "heads" | "layer";
  /** 2: class 1 is the retrieval mode, class 0 the sparse mode. */
  readonly classes: number;
  readonly parameters: number;
}

/** The linear layers of a router, or tensors of the same shapes, such as their gradients. */
export interface RouterMlps {
  readonly taskMlp: readonly [RouterLinear, RouterLinear];
  readonly routerMlp: readonly [RouterLinear, RouterLinear, RouterLinear];
}

/**
 * The tensors of a router in their one order: weight and bias of each linear layer, of the task MLP, then of the router
 * MLP. Flat gradients, moments and checkpoints of a router follow it.
 */
export function routerParameters(router: RouterMlps): readonly Tensor[] {
  return routerLinears(router).flatMap(({ weight, bias }) => [weight, bias]);
}

/** The five linear layers in the order of the forward pass: two of the task MLP, three of the router MLP. */
export function routerLinears({ taskMlp, routerMlp }: RouterMlps): readonly RouterLinear[] {
  return [...taskMlp, ...routerMlp];
}

/** The MLPs made of tensors in the order of {@link routerParameters}. */
export function routerMlpsOf(tensors: readonly Tensor[]): RouterMlps {
  const linear = (index: number): RouterLinear => ({ weight: tensors[2 * index]!, bias: tensors[2 * index + 1]! });
  return { taskMlp: [linear(0), linear(1)], routerMlp: [linear(2), linear(3), linear(4)] };
}

/** A router made of tensors in the order of {@link routerParameters}; it owns them. */
export function routerWeightsOf(tensors: readonly Tensor[]): RouterWeights {
  const mlps = routerMlpsOf(tensors);
  return {
    ...mlps,
    headDim: mlps.taskMlp[0].weight.shape[1]!,
    decides: mlps.taskMlp[1].weight.numRows === mlps.taskMlp[0].weight.shape[1] ? "heads" : "layer",
    classes: mlps.routerMlp[2].weight.numRows,
    parameters: tensors.reduce((sum, { numElements }) => sum + numElements, 0),
    [Symbol.dispose]: () => tensors.forEach((tensor) => tensor.dispose()),
  };
}

/** Where router tensors are read from; a safetensors checkpoint is one. */
export interface RouterTensorSource {
  readonly path: string;
  has(name: string): boolean;
  entry(name: string): { readonly type: string; readonly shape: readonly number[] };
  read(name: string): Uint8Array;
}

/** Names of a router's linear layers in the published layout, in the order of {@link RouterWeights}; each has `.weight` and `.bias`. */
export const routerLinearNames = [
  "cls_feat_extractor.0",
  "cls_feat_extractor.2",
  "cls_router_head_agnostic.0",
  "cls_router_head_agnostic.2",
  "cls_router_head_agnostic.4",
] as const;

/** Whether a checkpoint holds router tensors under a prefix such as `model.layers.0.self_attn.mask_allocator.`. */
export function hasRouterWeights(source: RouterTensorSource, prefix: string): boolean {
  return source.has(`${prefix}${routerLinearNames[0]}.weight`);
}

/** What the router under a prefix decides about, by the shapes of its tensors; undefined where there is none. */
export function routerDecides(source: RouterTensorSource, prefix: string): RouterWeights["decides"] | undefined {
  const [inner, outer] = [0, 1].map((index) => `${prefix}${routerLinearNames[index]}.weight`) as [string, string];
  if (!source.has(inner) || !source.has(outer)) return undefined;
  return source.entry(outer).shape[0] === source.entry(inner).shape[1] ? "heads" : "layer";
}

/**
 * Reads one layer's router as float32. Width, classes and what it decides are taken from the shapes; training-only tensors
 * (`log_temp`, `task_embedding`) are ignored.
 * @throws MissingTensorError, ShapeError, UnsupportedRouterError (one class: the sigmoid variant)
 */
export function loadRouterWeights(
  source: RouterTensorSource,
  prefix: string,
  backend: Backend,
  headDim: number,
  toFloat32: (bytes: Uint8Array, type: string) => Float32Array,
): RouterWeights {
  const tensors: Tensor[] = [];
  const read = (name: string, shape: readonly (number | undefined)[]): Tensor => {
    if (!source.has(name)) throw new MissingTensorError(name, source.path);
    const entry = source.entry(name);
    const fits = entry.shape.length === shape.length && shape.every((size, i) => size === undefined || size === entry.shape[i]);
    if (!fits) {
      const expected = shape.map((size) => size ?? "any").join(", ");
      throw new ShapeError(`${name} must be [${expected}], found [${entry.shape.join(", ")}].`);
    }
    const tensor = backend.upload(toFloat32(source.read(name), entry.type), entry.shape, "f32");
    tensors.push(tensor);
    return tensor;
  };
  const linear = (index: number, outFeatures: number | undefined, inFeatures: number): number => {
    const { numRows } = read(`${prefix}${routerLinearNames[index]}.weight`, [outFeatures, inFeatures]);
    read(`${prefix}${routerLinearNames[index]}.bias`, [numRows]);
    return numRows;
  };
  try {
    const taskWidth = linear(0, undefined, headDim);
    const features = linear(1, undefined, taskWidth);
    if (features !== headDim && features !== 2 * headDim) {
      throw new UnsupportedRouterError(
        `${prefix}${routerLinearNames[1]} gives ${features} features; a router of heads gives ${headDim}, one of whole layers ${2 * headDim}.`,
      );
    }
    const routerWidth = linear(2, undefined, features);
    linear(3, headDim, routerWidth);
    const classes = linear(4, undefined, headDim);
    if (classes !== 2) {
      throw new UnsupportedRouterError(
        `${prefix}* has ${classes} output class(es); the softmax variant with 2 is supported.`,
        "The sigmoid variant adds random noise when it evaluates, so its decisions cannot be reproduced.",
      );
    }
    return routerWeightsOf(tensors);
  } catch (error) {
    for (const tensor of tensors) tensor.dispose();
    throw error;
  }
}
