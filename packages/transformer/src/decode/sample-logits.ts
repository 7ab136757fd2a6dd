import { NoFiniteLogitError } from "@elastic-attention/core";
import { type Backend, hostArray, ReferenceBackend, sampleTokens, type SampleTokensCall, type Tensor } from "@elastic-attention/tensor";
import type { TokenSampler } from "./token-sampler.js";

/**
 * One token for each row of f32 logits [sequences, vocabulary], by its sampler. On the backend where it has a kernel,
 * else on the host by the same rules.
 *
 * @throws NoFiniteLogitError
 */
export function sampleLogits(logits: Tensor, samplers: readonly TokenSampler[]): Int32Array {
  const { backend } = logits;
  using output = backend.allocate([logits.numRows], "i32");
  const call = { logits, output, samplings: samplers.map(({ sampling }) => sampling), seen: samplers.map(({ seen }) => seen) };
  if (hasKernel(backend, call)) backend.kernels.run(sampleTokens, call);
  else sampleOnHost(call);
  const tokens = hostArray(output.download(), "i32") as Int32Array;
  const broken = tokens.indexOf(-1);
  for (const [row, sampler] of samplers.entries()) if (tokens[row] !== -1) sampler.drawn();
  if (broken >= 0) throw new NoFiniteLogitError(broken, tokens);
  return tokens;
}

function hasKernel(backend: Backend, call: SampleTokensCall): boolean {
  return backend.kernels.explain(sampleTokens, call).some(({ reasons }) => reasons.length === 0);
}

/** The reference kernel over copies on the host. */
function sampleOnHost({ logits, output, samplings, seen }: SampleTokensCall): void {
  using host = new ReferenceBackend();
  using copy = host.upload(logits.download(), logits.shape, "f32");
  using tokens = host.allocate(output.shape, "i32");
  const flags = seen.map((tensor) => (tensor === undefined ? undefined : host.upload(tensor.download(), tensor.shape, "u8")));
  host.kernels.run(sampleTokens, { logits: copy, output: tokens, samplings, seen: flags });
  output.backend.write(output, tokens.download());
  for (const [row, tensor] of seen.entries()) if (tensor !== undefined) tensor.backend.write(tensor, flags[row]!.download());
}
