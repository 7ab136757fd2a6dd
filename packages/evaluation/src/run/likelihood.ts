import type { Router } from "@elastic-attention/router";
import { type Backend, crossEntropy, type Tensor } from "@elastic-attention/tensor";
import type { PretrainedModel, SequenceRouting } from "@elastic-attention/transformer";

/** What a model made of a text it read. */
export interface ReadText {
  /** Natural logarithms [tokens - 1]: entry i belongs to token i + 1 given tokens 0 to i. */
  readonly logProbabilities: Float64Array;
  readonly routing: SequenceRouting;
  /** Logits of every token included. */
  readonly prefillSeconds: number;
  readonly keyValueBytes: number;
}

/**
 * Prefills a text and takes the probability of each of its tokens, where the logits are and some rows at a time: of the
 * logits of the whole text there are never more than those.
 *
 * @throws PromptError, OutOfMemoryError, the signal's reason
 */
export async function readText(model: PretrainedModel, tokens: Int32Array, router: Router | undefined, signal?: AbortSignal): Promise<ReadText> {
  const { backend } = model.decoder;
  using cache = model.decoder.createCache({ paged: false });
  // The last token is followed by none.
  const next = Int32Array.from(tokens, (_, row) => tokens[row + 1] ?? -1);
  using losses = backend.allocate([tokens.length], "f32");
  const begun = performance.now();
  const { logits, sequences } = await model.decoder.prefill({
    sequences: [router === undefined ? { tokens, cache } : { tokens, cache, router }],
    readLogits: (rows, start) => writeLosses(backend, rows, next.subarray(start, start + rows.numRows), losses.rows(start, start + rows.numRows)),
    ...(signal === undefined ? {} : { signal }),
  });
  using _last = logits;
  await backend.synchronize();
  const prefillSeconds = (performance.now() - begun) / 1000;
  const logProbabilities = Float64Array.from(losses.toFloat32().subarray(0, tokens.length - 1), (loss) => -loss);
  return { logProbabilities, routing: sequences[0]!.routing, prefillSeconds, keyValueBytes: cache.byteLength };
}

/** Nats of a token for each row of logits, i32 [rows] as `crossEntropy` takes them. */
export function writeLosses(backend: Backend, logits: Tensor, tokens: Int32Array, losses: Tensor): void {
  using targets = backend.upload(tokens, [tokens.length], "i32");
  backend.kernels.run(crossEntropy, { logits, targets, losses });
}
