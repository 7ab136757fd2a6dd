import { SequenceCache } from "@elastic-attention/attention";
import type { Router } from "@elastic-attention/router";
import type { PretrainedModel, SequenceRouting } from "@elastic-attention/transformer";

/** What a model made of a text it read. */
export interface ReadText {
  /** Natural logarithms [tokens - 1]: entry i belongs to token i + 1 given tokens 0 to i. */
  readonly logProbabilities: Float64Array;
  readonly routing: SequenceRouting;
  readonly prefillSeconds: number;
  readonly keyValueBytes: number;
}

/** Rows of logits on the host at a time. */
const rowsAtOnce = 256;

/** Prefills a text and takes the probability of each of its tokens. @throws PromptError, OutOfMemoryError, the signal's reason */
export async function readText(model: PretrainedModel, tokens: Int32Array, router: Router | undefined, signal?: AbortSignal): Promise<ReadText> {
  const { numLayers, numKeyValueHeads, headDim } = model.spec;
  const { backend, dtype } = model.decoder;
  using cache = new SequenceCache({ backend, numLayers, numKeyValueHeads, headDim, dtype });
  const begun = performance.now();
  const { logits, routing } = await model.decoder.prefill({
    sequences: [router === undefined ? { tokens, cache } : { tokens, cache, router }],
    logitsRows: tokens.length,
    ...(signal === undefined ? {} : { signal }),
  });
  using owned = logits;
  await backend.synchronize();
  const prefillSeconds = (performance.now() - begun) / 1000;
  const logProbabilities = new Float64Array(tokens.length - 1);
  for (let start = 0; start < logProbabilities.length; start += rowsAtOnce) {
    const end = Math.min(logProbabilities.length, start + rowsAtOnce);
    const rows = owned.rows(start, end).toFloat32();
    for (let row = start; row < end; row++) {
      const values = rows.subarray((row - start) * owned.rowLength, (row - start + 1) * owned.rowLength);
      logProbabilities[row] = logProbability(values, tokens[row + 1]!);
    }
  }
  return { logProbabilities, routing: routing[0]!, prefillSeconds, keyValueBytes: cache.byteLength };
}

function logProbability(logits: Float32Array, token: number): number {
  let maximum = -Infinity;
  for (const value of logits) if (value > maximum) maximum = value;
  let sum = 0;
  for (const value of logits) sum += Math.exp(value - maximum);
  return logits[token]! - maximum - Math.log(sum);
}
