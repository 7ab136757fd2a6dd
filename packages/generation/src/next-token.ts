import { argmax, hostArray, type Tensor } from "@elastic-attention/tensor";
import { InvalidRequestError } from "./errors.js";
import type { SamplingParameters } from "./generation-request.js";
import { Sampler } from "./sampler.js";

/** Chooses the token after f32 logits [1, vocabulary]. */
export type NextToken = (logits: Tensor) => number;

/**
 * How a request draws its tokens. Plain greedy is one operation of the backend, so that the logits stay where they are.
 *
 * @throws InvalidRequestError for parameters out of range
 */
export function nextToken(parameters: SamplingParameters | undefined, promptTokens: Iterable<number>): NextToken {
  const sampler = new Sampler(parameters, promptTokens);
  const { temperature = 0, repetitionPenalty = 1 } = parameters ?? {};
  if (temperature !== 0 || repetitionPenalty !== 1) return (logits) => sampler.next(logits.toFloat32());
  return (logits) => greedy(logits) ?? sampler.next(logits.toFloat32());
}

/** Undefined when the backend has no kernel for it. */
function greedy(logits: Tensor): number | undefined {
  const { kernels } = logits.backend;
  using output = logits.backend.allocate([1], "i32");
  const call = { input: logits, output };
  if (!kernels.explain(argmax, call).some(({ reasons }) => reasons.length === 0)) return undefined;
  kernels.run(argmax, call);
  const token = hostArray(output.download(), "i32")[0]!;
  const [logit] = logits.columns(token, token + 1).toFloat32();
  // Not a number compares with nothing: the operation may then name any token.
  if (!Number.isFinite(logit)) {
    throw new InvalidRequestError("The model gave no finite logit.", "Check the weights with `elastic-attention inspect`.");
  }
  return token;
}
