import { MemoryScope } from "@elastic-attention/core";
import type { RouterLinear, RouterWeights } from "@elastic-attention/router";
import type { Backend } from "@elastic-attention/tensor";
import { fillRow, normalTable } from "./random-weights.js";

/** Weights of one layer's router, random; 512 wide as published, unless told. */
export function randomRouter(backend: Backend, headDim: number, layer: number, width = 512): RouterWeights {
  using scope = new MemoryScope();
  const linear = (name: string, outFeatures: number, inFeatures: number): RouterLinear => {
    const values = (count: number, part: string) => {
      const indices = new Uint16Array(count);
      fillRow(`router ${layer} ${name} ${part}`, 0, indices);
      return Float32Array.from(indices, (index) => normalTable().values[index]!);
    };
    return {
      weight: scope.track(backend.upload(values(outFeatures * inFeatures, "weight"), [outFeatures, inFeatures], "f32")),
      bias: scope.track(backend.upload(values(outFeatures, "bias"), [outFeatures], "f32")),
    };
  };
  const taskMlp = [linear("task in", width, headDim), linear("task out", headDim, width)] as const;
  const routerMlp = [linear("in", width, headDim), linear("middle", headDim, width), linear("out", 2, headDim)] as const;
  const parameters = [...taskMlp, ...routerMlp].reduce((sum, { weight, bias }) => sum + weight.numElements + bias.numElements, 0);
  const owned = scope.move();
  return { decides: "heads", headDim, classes: 2, parameters, taskMlp, routerMlp, [Symbol.dispose]: () => owned.dispose() };
}
