import { MemoryScope, NoFiniteLogitError } from "@elastic-attention/core";
import { hostArray, logProbabilities, type LogProbabilitiesCall, sampleTokens, type Tensor } from "@elastic-attention/tensor";
import { sampleOnHost, tellOnHost } from "./sample-on-host.js";
import type { TokenLogProbabilities, TokenSampler } from "./token-sampler.js";

/**
 * One token for each row of f32 logits [sequences, vocabulary], by its sampler. On the backend where it has a kernel,
 * else on the host by the same rules.
 *
 * @throws NoFiniteLogitError
 */
export function sampleLogits(logits: Tensor, samplers: readonly TokenSampler[]): Int32Array {
  const { backend } = logits;
  using scope = new MemoryScope();
  for (const sampler of samplers) sampler.prepare();
  const output = scope.track(backend.allocate([logits.numRows], "i32"));
  const call = { logits, rows: samplers.map(({ row }) => row), output };
  if (backend.kernels.find(sampleTokens, call) === undefined) sampleOnHost(call);
  else backend.kernels.run(sampleTokens, call);
  // Issued before the tokens are waited for.
  const told = askLogProbabilities(scope, logits, output, samplers);
  const tokens = hostArray(output.download(), "i32") as Int32Array;
  const probabilities = told === undefined ? [] : readLogProbabilities(told);
  for (const [row, sampler] of samplers.entries()) if (tokens[row] !== -1) sampler.drawn(probabilities[row]);
  const broken = tokens.indexOf(-1);
  if (broken >= 0) throw new NoFiniteLogitError(broken, tokens);
  return tokens;
}

/** Asks for the log-probabilities of drawn tokens, in tensors of the scope; undefined where no sampler wants any. */
function askLogProbabilities(scope: MemoryScope, logits: Tensor, tokens: Tensor, samplers: readonly TokenSampler[]): LogProbabilitiesCall | undefined {
  const { backend, numRows } = logits;
  const top = samplers.map(({ topLogProbabilities }) => Math.min(topLogProbabilities ?? -1, logits.rowLength));
  const most = Math.max(...top);
  if (most < 0) return undefined;
  const values = scope.track(backend.allocate([numRows, 1 + most], "f32"));
  const topTokens = most === 0 ? undefined : scope.track(backend.allocate([numRows, most], "i32"));
  const call = { logits, tokens, top, values, topTokens };
  if (backend.kernels.find(logProbabilities, call) === undefined) tellOnHost(call);
  else backend.kernels.run(logProbabilities, call);
  return call;
}

/** Of each row; undefined for those that want none. */
function readLogProbabilities({ top, values, topTokens }: LogProbabilitiesCall): (TokenLogProbabilities | undefined)[] {
  const numbers = values.toFloat32();
  const tokens = topTokens === undefined ? new Int32Array(0) : hostArray(topTokens.download(), "i32");
  return top.map((count, row) => {
    if (count < 0) return undefined;
    const [first, firstToken] = [row * values.rowLength, row * (values.rowLength - 1)];
    const likely = Array.from({ length: count }, (_, index) => ({ token: tokens[firstToken + index]!, logProbability: numbers[first + 1 + index]! }));
    return { logProbability: numbers[first]!, top: likely.filter(({ token }) => token >= 0) };
  });
}
