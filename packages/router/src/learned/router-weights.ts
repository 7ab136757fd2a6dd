import { MissingTensorError, ShapeError, UnsupportedRouterError } from "@elastic-attention/core";
import type { Backend, elementDType, Tensor } from "@elastic-attention/tensor";

/** One linear layer of a router: weight [out, in] and bias [out], f32. */
export interface RouterLinear {
  readonly weight: Tensor;
  readonly bias: Tensor;
}

/**
 * The two MLPs of one layer's Attention Router (reference semantics 1.3): the task MLP headDim → width → headDim and the
 * router MLP headDim → width → headDim → classes, SiLU between. 263 682 parameters at headDim 128, width 512.
 */
export interface RouterWeights extends Disposable {
  readonly headDim: number;
  /** 2: class 1 is the retrieval mode, class 0 the sparse mode. */
  readonly classes: number;
  readonly parameters: number;
  readonly taskMlp: readonly [RouterLinear, RouterLinear];
  readonly routerMlp: readonly [RouterLinear, RouterLinear, RouterLinear];
}

/**
 * The tensors of a router in their one order: weight and bias of each linear layer, of the task MLP, then of the router
 * MLP. Flat gradients, moments and checkpoints of a router follow it.
 */
export function routerParameters({ taskMlp, routerMlp }: Pick<RouterWeights, "taskMlp" | "routerMlp">): readonly Tensor[] {
  return [...taskMlp, ...routerMlp].flatMap(({ weight, bias }) => [weight, bias]);
}

/** Where router tensors are read from; a safetensors checkpoint is one. */
export interface RouterTensorSource {
  readonly path: string;
  has(name: string): boolean;
  entry(name: string): { readonly type: Parameters<typeof elementDType>[0]; readonly shape: readonly number[] };
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

/**
 * Reads one layer's router as float32. Width and classes are taken from the shapes; training-only tensors
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
  const linear = (index: number, outFeatures: number | undefined, inFeatures: number): RouterLinear => {
    const weight = read(`${prefix}${routerLinearNames[index]}.weight`, [outFeatures, inFeatures]);
    return { weight, bias: read(`${prefix}${routerLinearNames[index]}.bias`, [weight.numRows]) };
  };
  try {
    const taskIn = linear(0, undefined, headDim);
    const taskOut = linear(1, headDim, taskIn.weight.numRows);
    const routerIn = linear(2, undefined, headDim);
    const routerMiddle = linear(3, headDim, routerIn.weight.numRows);
    const routerOut = linear(4, undefined, headDim);
    const classes = routerOut.weight.numRows;
    if (classes !== 2) {
      throw new UnsupportedRouterError(
        `${prefix}* has ${classes} output class(es); the softmax variant with 2 is supported.`,
        "The sigmoid variant adds random noise when it evaluates, so its decisions cannot be reproduced.",
      );
    }
    return {
      headDim,
      classes,
      parameters: tensors.reduce((sum, tensor) => sum + tensor.numElements, 0),
      taskMlp: [taskIn, taskOut],
      routerMlp: [routerIn, routerMiddle, routerOut],
      [Symbol.dispose]: () => tensors.forEach((tensor) => tensor.dispose()),
    };
  } catch (error) {
    for (const tensor of tensors) tensor.dispose();
    throw error;
  }
}
