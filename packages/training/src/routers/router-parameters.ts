import { ShapeError, UnsupportedRouterError } from "@elastic-attention/core";
import { routerLinearNames, routerParameters, type RouterWeights, routerWeightsOf } from "@elastic-attention/router";
import type { Backend, Tensor } from "@elastic-attention/tensor";
import { counterNormal } from "../relaxation/counter-noise.js";

/** Sizes of a model's routers. */
export interface RouterShape {
  /** Layers that have one. */
  readonly numLayers: number;
  readonly headDim: number;
  /** What each decides: the mode of every key-value head, or of the whole layer (Flux Attention). Default "heads". */
  readonly decides?: RouterWeights["decides"];
  /** Hidden units of both MLPs, 4 · headDim in the paper; the task MLP of a router of layers has twice as many. */
  readonly width: number;
  /** 2 for the softmax relaxation, 1 for the sigmoid one. */
  readonly classes: 1 | 2;
}

/** One tensor of a layer's router: its name after the layer's prefix, and its part of the layer's flat parameters. */
export interface RouterTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/**
 * The trained values of all routers: float32 on the host, flat for each layer in the order that training gradients come
 * in (weight and bias of the task MLP's two linear layers, then of the router MLP's three).
 */
export class RouterParameters {
  private constructor(
    readonly shape: RouterShape,
    readonly layers: readonly Float32Array[],
  ) {}

  /** Weights from N(0, `range`), biases 0, as the published training begins (reference semantics 1.7). */
  static initialize(shape: RouterShape, seed: number, range = 0.02): RouterParameters {
    const parameters = new RouterParameters(shape, emptyLayers(shape));
    for (let layer = 0; layer < shape.numLayers; layer++) {
      for (const [index, { name, values }] of parameters.tensors(layer).entries()) {
        if (name.endsWith(".bias")) continue;
        for (let i = 0; i < values.length; i++) values[i] = range * counterNormal(seed, 0x696e6974, layer, index, i);
      }
    }
    return parameters;
  }

  /** From routers that a checkpoint brought. */
  static fromWeights(layers: readonly RouterWeights[]): RouterParameters {
    const [first] = layers;
    if (first === undefined) throw new ShapeError("There are no routers.");
    const { decides, headDim, classes, routerMlp } = first;
    const shape = { numLayers: layers.length, headDim, decides, width: routerMlp[0].weight.numRows, classes: classes === 1 ? 1 : 2 } as const;
    const parameters = new RouterParameters(shape, emptyLayers(shape));
    for (const [layer, weights] of layers.entries()) {
      const tensors = routerParameters(weights);
      for (const [index, { name, shape: expected, values }] of parameters.tensors(layer).entries()) {
        if (tensors[index]!.shape.join() !== expected.join()) {
          const found = `[${tensors[index]!.shape.join(", ")}]`;
          throw new UnsupportedRouterError(`${name} of router ${layer} is ${found}; routers that are trained together have one shape, here [${expected.join(", ")}].`);
        }
        values.set(tensors[index]!.toFloat32());
      }
    }
    return parameters;
  }

  /** Parameters of all layers. */
  get count(): number {
    return this.layers.reduce((sum, layer) => sum + layer.length, 0);
  }

  /** The tensors of a layer, as views of its flat parameters. */
  tensors(layer: number): readonly RouterTensor[] {
    let at = 0;
    return tensorShapes(this.shape).map(({ name, shape }) => {
      const length = shape.reduce((product, size) => product * size, 1);
      const values = this.layers[layer]!.subarray(at, at + length);
      at += length;
      return { name, shape, values };
    });
  }

  /** Copies for a backend, f32; the caller disposes each. */
  upload(backend: Backend): RouterWeights[] {
    return this.layers.map((_, layer) => this.#uploadLayer(backend, layer));
  }

  /** Brings uploaded copies up to date. */
  write(backend: Backend, weights: readonly RouterWeights[]): void {
    for (const [layer, each] of weights.entries()) {
      const tensors = routerParameters(each);
      for (const [index, { values }] of this.tensors(layer).entries()) backend.write(tensors[index]!, values);
    }
  }

  #uploadLayer(backend: Backend, layer: number): RouterWeights {
    const uploaded: Tensor[] = [];
    try {
      for (const { shape, values } of this.tensors(layer)) uploaded.push(backend.upload(values, shape, "f32"));
    } catch (error) {
      for (const tensor of uploaded) tensor.dispose();
      throw error;
    }
    return routerWeightsOf(uploaded);
  }
}

/** [out, in] of the five linear layers, each followed by its bias. */
function tensorShapes({ headDim, width, classes, decides = "heads" }: RouterShape): { name: string; shape: number[] }[] {
  // A router of layers has twice the features between its MLPs, and the room for them.
  const [taskWidth, features] = decides === "layer" ? [2 * width, 2 * headDim] : [width, headDim];
  const sizes = [[taskWidth, headDim], [features, taskWidth], [width, features], [headDim, width], [classes, headDim]] as const;
  return sizes.flatMap(([outputs, inputs], index) => [
    { name: `${routerLinearNames[index]}.weight`, shape: [outputs, inputs] },
    { name: `${routerLinearNames[index]}.bias`, shape: [outputs] },
  ]);
}

function emptyLayers(shape: RouterShape): Float32Array[] {
  const length = tensorShapes(shape).reduce((sum, each) => sum + each.shape.reduce((product, size) => product * size, 1), 0);
  return Array.from({ length: shape.numLayers }, () => new Float32Array(length));
}
