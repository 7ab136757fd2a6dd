import type { RouterWeights } from "@elastic-attention/router";
import type { Backend, FloatArray } from "@elastic-attention/tensor";
import type { GateDecision } from "@elastic-attention/transformer";
import { counterNormal, counterUniform } from "../relaxation/counter-noise.js";
import { floatsLike, type NoisePlace } from "../relaxation/relaxation.js";
import { RouterParameters } from "../routers/router-parameters.js";
import type { GatePolicy } from "../trainer/gate-policy.js";

/**
 * How a static gate follows from its parameter:
 *
 * - "hard-concrete" (PruLong): a stretched and clipped binary concrete variable of log α, drawn anew for each pack;
 * - "clamped" (DuoAttention): the parameter itself, kept between 0 and 1.
 */
export type StaticGateKind = "hard-concrete" | "clamped";

/** Stretch of the hard-concrete variable beyond 0 and 1, and its temperature (reference semantics 8.1). */
const [low, high, hardConcreteTemperature] = [-0.1, 1.1, 2 / 3];

/** One gate for each key-value head of the model, the same for every input, or for every input of a task. */
export class StaticGates implements GatePolicy {
  readonly name: string;
  /** One array for each layer, [tasks * kvHeads]: log α, or the gate. */
  readonly parameters: readonly Float32Array[];
  /** Nothing looks at what they say. */
  readonly routers: readonly RouterWeights[];
  #gradients: Float64Array[] = [];

  constructor(
    backend: Backend,
    readonly kind: StaticGateKind,
    numLayers: number,
    readonly heads: number,
    headDim: number,
    seed: number,
    /** Lists that are trained side by side: each task its own. Default: one list. */
    private readonly tasks = 1,
  ) {
    this.name = `static ${kind} gates${tasks === 1 ? "" : ` of ${tasks} tasks`}`;
    const first = (layer: number, head: number) => (kind === "clamped" ? 1 : 4 + 0.01 * counterNormal(seed, 0x70727567, layer, head));
    this.parameters = Array.from({ length: numLayers }, (_, layer) => Float32Array.from({ length: tasks * heads }, (_, at) => first(layer, at)));
    this.routers = RouterParameters.initialize({ numLayers, headDim, width: 1, classes: 2 }, seed).upload(backend);
  }

  decide(logits: FloatArray, place: NoisePlace, _temperature = 1, taskIds: readonly number[] = []): GateDecision {
    const { layer } = place;
    const gates = floatsLike(logits, logits.length / 2);
    const drawn = Array.from(this.parameters[layer]!, (parameter, at) => (this.kind === "clamped" ? { gate: parameter, slope: 1 } : hardConcrete(parameter, place, at)));
    /** The parameter of a segment's head. */
    const placeOf = (index: number) => (index % this.heads) + (this.tasks === 1 ? 0 : this.heads * taskIds[Math.floor(index / this.heads)]!);
    for (let index = 0; index < gates.length; index++) gates[index] = drawn[placeOf(index)]!.gate;
    return {
      gates,
      backward: (gateGradients) => {
        const gradient = (this.#gradients[layer] = new Float64Array(drawn.length));
        for (const [index, value] of gateGradients.entries()) gradient[placeOf(index)]! += value * drawn[placeOf(index)]!.slope;
        return floatsLike(gateGradients, logits.length);
      },
    };
  }

  gradients(): readonly FloatArray[] {
    return this.#gradients;
  }

  refresh(): void {
    if (this.kind !== "clamped") return;
    for (const layer of this.parameters) for (const [head, value] of layer.entries()) layer[head] = Math.min(1, Math.max(0, value));
  }

  [Symbol.dispose](): void {
    for (const router of this.routers) router[Symbol.dispose]();
  }
}

/** A draw of the hard-concrete variable and its derivative with respect to log α. */
function hardConcrete(logAlpha: number, { seed, step, pack, layer }: NoisePlace, head: number): { gate: number; slope: number } {
  const uniform = counterUniform(seed, step, pack, layer, head);
  const soft = 1 / (1 + Math.exp(-(Math.log(uniform) - Math.log1p(-uniform) + logAlpha) / hardConcreteTemperature));
  const stretched = soft * (high - low) + low;
  if (stretched <= 0) return { gate: 0, slope: 0 };
  if (stretched >= 1) return { gate: 1, slope: 0 };
  return { gate: stretched, slope: ((high - low) * soft * (1 - soft)) / hardConcreteTemperature };
}
