import type { RouterWeights } from "@elastic-attention/router";
import type { Backend, FloatArray } from "@elastic-attention/tensor";
import type { GateDecision, TrainingStepResult } from "@elastic-attention/transformer";
import { type NoisePlace, relax, type RelaxationKind } from "../relaxation/relaxation.js";
import type { GatePolicy } from "../trainer/gate-policy.js";
import type { RouterParameters } from "./router-parameters.js";

/** Learned routers under a Gumbel relaxation: the method of the paper. */
export class RouterPolicy implements GatePolicy {
  readonly name: string;
  readonly parameters: readonly Float32Array[];
  readonly routers: readonly RouterWeights[];

  constructor(
    private readonly backend: Backend,
    readonly values: RouterParameters,
    private readonly kind: RelaxationKind,
  ) {
    this.name = `${kind} routers`;
    this.parameters = values.layers;
    this.routers = values.upload(backend);
  }

  decide(logits: FloatArray, place: NoisePlace, temperature: number): GateDecision {
    return relax(logits, { kind: this.kind, temperature, place });
  }

  gradients({ routerGradients }: TrainingStepResult): readonly FloatArray[] {
    return routerGradients;
  }

  refresh(): void {
    this.values.write(this.backend, this.routers);
  }

  [Symbol.dispose](): void {
    for (const router of this.routers) router[Symbol.dispose]();
  }
}
