import { MemoryScope } from "@elastic-attention/core";
import type { Backend } from "../backend.js";
import type { DType } from "../dtype.js";
import type { Tensor } from "../tensor.js";
import type { Gradients, TensorsLike } from "./gradient-rule.js";
import { addInto, fillZeros, type GradientStore } from "./gradient-store.js";

/** What one rule sees of the gradients while it runs; scratch memory ends with it. */
export class NodeGradients implements Gradients, Disposable {
  readonly backend: Backend;
  readonly #scope = new MemoryScope();

  constructor(private readonly store: GradientStore) {
    this.backend = store.backend;
  }

  incoming(result: Tensor): Tensor | undefined {
    return this.store.incoming(result);
  }

  wants(input: Tensor): boolean {
    return this.store.wants(input);
  }

  accumulate<Inputs extends readonly Tensor[]>(
    inputs: readonly [...Inputs],
    run: (targets: TensorsLike<Inputs>, accumulate: boolean) => void,
  ): void {
    const wanted = inputs.filter((input) => this.store.wants(input));
    const addsEverywhere = wanted.length > 0 && wanted.every((input) => this.store.hasArrived(input));
    if (!addsEverywhere) return this.overwrite<Inputs>(inputs, (targets) => run(targets, false));
    const target = (input: Tensor) =>
      this.store.wants(input) ? this.store.zeroFilled(input) : this.temporary(input.shape, input.dtype);
    run(inputs.map(target) as unknown as TensorsLike<Inputs>, true);
  }

  overwrite<Inputs extends readonly Tensor[]>(
    inputs: readonly [...Inputs],
    run: (targets: TensorsLike<Inputs>) => void,
  ): void {
    if (!inputs.some((input) => this.store.wants(input))) return;
    const targets: Tensor[] = [];
    const additions: (readonly [target: Tensor, addition: Tensor])[] = [];
    for (const input of inputs) {
      if (this.store.wants(input) && !this.store.hasArrived(input)) {
        targets.push(this.store.fresh(input));
        continue;
      }
      const beside = this.temporary(input.shape, input.dtype);
      targets.push(beside);
      if (this.store.wants(input)) additions.push([this.store.zeroFilled(input), beside]);
    }
    run(targets as unknown as TensorsLike<Inputs>);
    for (const [target, addition] of additions) addInto(target, addition);
  }

  addable(input: Tensor): Tensor {
    return this.store.wants(input) ? this.store.zeroFilled(input) : this.zeros(input.shape, input.dtype);
  }

  temporary(shape: readonly number[], dtype: DType): Tensor {
    return this.#scope.track(this.backend.allocate(shape, dtype));
  }

  zeros(shape: readonly number[], dtype: DType): Tensor {
    const tensor = this.temporary(shape, dtype);
    fillZeros(tensor);
    return tensor;
  }

  [Symbol.dispose](): void {
    this.#scope.dispose();
  }
}
