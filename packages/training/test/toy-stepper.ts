import { routerLogits, routerLogitsBackward, type RouterWeights } from "@elastic-attention/router";
import { ReferenceBackend, type Tensor } from "@elastic-attention/tensor";
import type { TrainingStepOptions, TrainingStepResult } from "@elastic-attention/transformer";
import { counterNormal, type TrainingExample, type TrainingStepper } from "../src/index.js";

export const toySizes = { numLayers: 2, heads: 4, headDim: 8 };

/**
 * A model small enough to be written out: keys are a fixed random vector of each token and head, and the loss is what
 * the answer loses with the heads it needs: 0.5 for each of heads 0 and 1 that is sparse while the first token of a
 * segment is below 100. Routers, their gradients and everything above them are the real ones.
 */
export class ToyStepper implements TrainingStepper {
  readonly backend = new ReferenceBackend();
  /** Steps in which the loss is not a number, counted over all calls. */
  brokenCall = -1;
  calls = 0;

  async step(options: TrainingStepOptions): Promise<TrainingStepResult> {
    options.signal?.throwIfAborted();
    const { pack, routers } = options;
    const segments = pack.offsets.length - 1;
    const { heads } = toySizes;
    const layers = routers.map((weights, layer) => {
      const keys = this.#keys(pack.tokens, layer);
      const logits = this.backend.allocate([segments, heads, weights.classes], "f32");
      const pooling = { kind: "ranges", ranges: pack.pooledRanges } as const;
      this.backend.kernels.run(routerLogits, { keys, offsets: pack.offsets, weights, pooling, rounding: "float32", output: logits });
      return { keys, logits, pooling, weights, decision: options.decide(layer, logits.toFloat32()) };
    });
    const gates = layers.map(({ decision }) => decision.gates);
    const need = (index: number) => (pack.tokens[pack.offsets[Math.floor(index / heads)]!]! < 100 && index % heads < 2 ? 0.5 / segments : 0);
    let loss = 0;
    for (const layer of gates) for (const [index, gate] of layer.entries()) loss += need(index) * (1 - gate);
    const { loss: gateLoss, gradients } = options.gateLoss(gates);
    const routerGradients = layers.map(({ decision, keys, logits, pooling, weights }, layer) => {
      const gateGradients = Float32Array.from(gradients[layer]!, (value, index) => value - need(index));
      const logitsGradient = this.backend.upload(Float32Array.from(decision.backward(gateGradients)), logits.shape, "f32");
      const flat = this.#routerGradient(weights, (weightGradients) =>
        this.backend.kernels.run(routerLogitsBackward, { keys, offsets: pack.offsets, weights, pooling, logitsGradient, weightGradients }),
      );
      for (const tensor of [keys, logits, logitsGradient]) tensor.dispose();
      return flat;
    });
    const broken = this.calls++ === this.brokenCall;
    return { languageModelLoss: broken ? NaN : loss, gateLoss, gates, routerGradients };
  }

  #keys(tokens: Int32Array, layer: number): Tensor {
    const { heads, headDim } = toySizes;
    // Tokens of the same hundred look alike, as the prompts of a task do.
    const values = Float32Array.from({ length: tokens.length * heads * headDim }, (_, i) => {
      const token = tokens[Math.floor(i / (heads * headDim))]!;
      const place = i % (heads * headDim);
      return counterNormal(77, layer, Math.floor(token / 100), place) + 0.1 * counterNormal(78, layer, token, place);
    });
    return this.backend.upload(values, [tokens.length, heads, headDim], "f32");
  }

  #routerGradient(weights: RouterWeights, run: (gradients: Pick<RouterWeights, "taskMlp" | "routerMlp">) => void): Float32Array {
    const tensors: Tensor[] = [];
    const zeros = (like: Tensor) => {
      tensors.push(this.backend.upload(new Float32Array(like.numElements), like.shape, "f32"));
      return tensors.at(-1)!;
    };
    const linear = ({ weight, bias }: RouterWeights["taskMlp"][0]) => ({ weight: zeros(weight), bias: zeros(bias) });
    const [taskIn, taskOut] = weights.taskMlp;
    const [routerIn, routerMiddle, routerOut] = weights.routerMlp;
    run({ taskMlp: [linear(taskIn), linear(taskOut)], routerMlp: [linear(routerIn), linear(routerMiddle), linear(routerOut)] });
    const flat = Float32Array.from(tensors.flatMap((tensor) => Array.from(tensor.toFloat32())));
    for (const tensor of tensors) tensor.dispose();
    return flat;
  }
}

/** Examples of task 0 (tokens below 100) and task 1. */
export function toyExample(row: number): TrainingExample {
  const task = row % 2;
  return {
    tokens: Int32Array.from({ length: 8 + (row % 3) }, (_, i) => 100 * task + ((7 * row + i) % 100)),
    userEnd: 5,
    answerStart: 6,
    task,
    where: `row ${row}`,
  };
}
