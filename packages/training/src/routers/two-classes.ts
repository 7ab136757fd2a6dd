import type { RouterParameters, RouterTensor } from "./router-parameters.js";

/**
 * A layer's tensors as inference reads them: always two classes. A sigmoid router's one logit becomes the lead of class 1
 * over a class 0 that is always 0: the same decision, without the noise that its published form draws even then.
 */
export function inferenceTensors(parameters: RouterParameters, layer: number): readonly RouterTensor[] {
  const tensors = parameters.tensors(layer);
  if (parameters.shape.classes === 2) return tensors;
  return tensors.map((tensor, index) => {
    if (index < tensors.length - 2) return tensor;
    const values = new Float32Array(2 * tensor.values.length);
    values.set(tensor.values, tensor.values.length);
    return { name: tensor.name, shape: [2, ...tensor.shape.slice(1)], values };
  });
}
