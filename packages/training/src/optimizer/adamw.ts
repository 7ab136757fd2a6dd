/** Arrays that are trained with the same settings. */
export interface ParameterGroup {
  readonly name: string;
  /** Changed in place, f32. */
  readonly parameters: readonly Float32Array[];
  /** Peak; a step multiplies it by the schedule's factor. */
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Gradient ascent, for Lagrange multipliers. */
  readonly maximize?: boolean;
}

export interface AdamWOptions {
  readonly betas?: readonly [number, number];
  readonly epsilon?: number;
}

/** The two moments of every array of every group, [group][array]. */
export interface AdamWState {
  steps: number;
  readonly first: readonly (readonly Float32Array[])[];
  readonly second: readonly (readonly Float32Array[])[];
}

/**
 * AdamW (decoupled weight decay, bias-corrected). Parameters and moments are float32 on the host, the arithmetic of one
 * element is float64: the same numbers on every machine, and a resumed run goes on bit for bit.
 */
export class AdamW {
  readonly state: AdamWState;
  readonly #betas: readonly [number, number];
  readonly #epsilon: number;

  constructor(
    readonly groups: readonly ParameterGroup[],
    { betas = [0.9, 0.95], epsilon = 1e-8 }: AdamWOptions = {},
  ) {
    const zeros = () => groups.map((group) => group.parameters.map((array) => new Float32Array(array.length)));
    this.state = { steps: 0, first: zeros(), second: zeros() };
    this.#betas = betas;
    this.#epsilon = epsilon;
  }

  /**
   * @param gradients [group][array], shaped like the parameters
   * @param factor of every group's learning rate
   */
  step(gradients: readonly (readonly Float32Array[])[], factor: number): void {
    const [beta1, beta2] = this.#betas;
    this.state.steps += 1;
    const correction1 = 1 - beta1 ** this.state.steps;
    const correction2 = 1 - beta2 ** this.state.steps;
    for (const [groupIndex, group] of this.groups.entries()) {
      const rate = group.learningRate * factor;
      const direction = group.maximize === true ? -1 : 1;
      for (const [arrayIndex, array] of group.parameters.entries()) {
        const gradient = gradients[groupIndex]![arrayIndex]!;
        const [first, second] = [this.state.first[groupIndex]![arrayIndex]!, this.state.second[groupIndex]![arrayIndex]!];
        for (let i = 0; i < array.length; i++) {
          const g = direction * gradient[i]!;
          const m = Math.fround(beta1 * first[i]! + (1 - beta1) * g);
          const v = Math.fround(beta2 * second[i]! + (1 - beta2) * g * g);
          first[i] = m;
          second[i] = v;
          const update = m / correction1 / (Math.sqrt(v / correction2) + this.#epsilon);
          array[i] = array[i]! * (1 - rate * group.weightDecay) - rate * update;
        }
      }
    }
  }
}

/** Euclidean norm over all gradients. */
export function gradientNorm(gradients: readonly (readonly Float32Array[])[]): number {
  let sum = 0;
  for (const group of gradients) for (const array of group) for (const value of array) sum += value * value;
  return Math.sqrt(sum);
}

/** Scales all gradients in place so that their joint norm is at most `limit`; returns the norm before. */
export function clipGradients(gradients: readonly (readonly Float32Array[])[], limit: number): number {
  const norm = gradientNorm(gradients);
  // The small term is the customary one: it keeps the result below the limit after rounding.
  const scale = limit / (norm + 1e-6);
  if (scale < 1) for (const group of gradients) for (const array of group) for (let i = 0; i < array.length; i++) array[i]! *= scale;
  return norm;
}
