import { EvaluationError } from "@elastic-attention/core";
import type { SequenceCache } from "@elastic-attention/attention";
import type { LocalEngine } from "@elastic-attention/generation";
import type { Router } from "@elastic-attention/router";
import type { Backend, Tensor } from "@elastic-attention/tensor";
import type { SequenceRouting } from "@elastic-attention/transformer";
import type { EvaluationSample } from "../suite.js";
import { writeLosses } from "./likelihood.js";

/** What a model made of the tokens of an answer, each after those before it. */
export interface GivenAnswer {
  /** Share of the tokens that were the most likely ones, 0 to 1. */
  readonly accuracy: number;
  /** Nats per token. */
  readonly loss: number;
  readonly tokens: number;
  /** The most likely tokens, as text. */
  readonly output: string;
  readonly routing: SequenceRouting;
  /** Its share of the prefill that read the prompts together, and of the steps, by tokens. */
  readonly prefillSeconds: number;
  readonly decodeSeconds: number;
  readonly keyValueBytes: number;
}

export interface GivenAnswersOptions {
  readonly engine: LocalEngine;
  /** None: every head full. */
  readonly router: Router | undefined;
  readonly decode: "routed" | "full";
  readonly signal: AbortSignal;
}

/**
 * Reads prompts together, routed by themselves, and gives their answers token by token, as decoding would: under each prompt's plan,
 * from what its heads kept.
 *
 * @param prompts their tokens, and the samples whose `references[0]` is the answer
 * @throws EvaluationError for an answer without a token, OutOfMemoryError, the signal's reason
 */
export async function giveAnswers(prompts: readonly { readonly tokens: Int32Array; readonly sample: EvaluationSample }[], { engine, router, decode, signal }: GivenAnswersOptions): Promise<GivenAnswer[]> {
  const { pretrained, tokenizer, backend } = engine;
  const answers = prompts.map(({ sample }) => answerTokens(sample, tokenizer));
  const caches: SequenceCache[] = [];
  try {
    for (const { length } of answers) caches.push(pretrained.decoder.createCache({ decode, reserveTokens: length }));
    const begun = performance.now();
    const read = await pretrained.decoder.prefill({
      sequences: prompts.map(({ tokens }, index) => ({ tokens, cache: caches[index]!, ...(router === undefined ? {} : { router }) })),
      signal,
    });
    await backend.synchronize();
    const prefillSeconds = (performance.now() - begun) / 1000;
    const judged = answers.map((): Judged[] => []);
    const seconds = answers.map(() => 0);
    let open = [...answers.keys()];
    let logits: Tensor = read.logits;
    for (let step = 0; ; step++) {
      const stepped = performance.now();
      const found = judge(backend, logits, Int32Array.from(open, (index) => answers[index]![step]!));
      for (const [row, index] of open.entries()) judged[index]!.push(found[row]!);
      open = open.filter((index) => step + 1 < answers[index]!.length);
      if (open.length === 0) break;
      signal.throwIfAborted();
      logits = pretrained.decoder.decode(open.map((index) => answers[index]![step]!), open.map((index) => caches[index]!));
      for (const index of open) seconds[index]! += (performance.now() - stepped) / 1000 / open.length;
    }
    const promptTokens = prompts.reduce((sum, { tokens }) => sum + tokens.length, 0);
    return prompts.map(({ tokens }, index) => {
      const own = judged[index]!;
      return {
        accuracy: own.filter(({ hit }) => hit).length / own.length,
        loss: own.reduce((sum, { loss }) => sum + loss, 0) / own.length,
        tokens: own.length,
        output: tokenizer.decode(own.map(({ likely }) => likely)),
        routing: read.sequences[index]!.routing,
        prefillSeconds: (prefillSeconds * tokens.length) / promptTokens,
        decodeSeconds: seconds[index]!,
        keyValueBytes: caches[index]!.byteLength,
      };
    });
  } finally {
    for (const cache of caches) cache.dispose();
  }
}

interface Judged {
  readonly hit: boolean;
  readonly likely: number;
  readonly loss: number;
}

/** What a row of logits says of the token that comes. Disposes the logits. */
function judge(backend: Backend, logits: Tensor, expected: Int32Array): Judged[] {
  using rows = logits;
  using losses = backend.allocate([expected.length], "f32");
  writeLosses(backend, rows, expected, losses);
  const [values, loss] = [rows.toFloat32(), losses.toFloat32()];
  const width = values.length / expected.length;
  return Array.from(expected, (token, row) => {
    let likely = row * width;
    for (let at = likely + 1; at < (row + 1) * width; at++) if (values[at]! > values[likely]!) likely = at;
    return { hit: likely - row * width === token, likely: likely - row * width, loss: loss[row]! };
  });
}

/** The tokens of a sample's answer behind its prompt. @throws EvaluationError */
function answerTokens({ id, references }: EvaluationSample, tokenizer: LocalEngine["tokenizer"]): Int32Array {
  const tokens = tokenizer.encode(references[0] ?? "", { addSpecialTokens: false });
  if (tokens.length === 0) throw new EvaluationError(`Sample ${id} has no answer to be given.`);
  return tokens;
}
