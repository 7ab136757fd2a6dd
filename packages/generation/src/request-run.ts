import { setImmediate } from "node:timers/promises";
import { SequenceCache } from "@elastic-attention/attention";
import type { PretrainedModel, SequenceRouting } from "@elastic-attention/transformer";
import type { GenerationEvent, GenerationRequest } from "./generation-request.js";
import { type NextToken, nextToken } from "./next-token.js";
import { PrefillRun } from "./prefill-run.js";
import { planRequest, type RequestPlan } from "./request-plan.js";
import { type RequestRouting, routeRequest, type RoutingSource } from "./request-routing.js";
import { routingReport, type RunMeasurements } from "./routing-report.js";
import { TextStream } from "./text-stream.js";
import type { Tokenizer } from "./tokenizer.js";

/** What all requests of an engine share. */
export interface EngineContext extends RoutingSource {
  readonly model: PretrainedModel;
  readonly tokenizer: Tokenizer;
  readonly endOfText: ReadonlySet<number>;
  /** Aborted, with the error to throw, when the engine is disposed. */
  readonly closing: AbortSignal;
}

type FinishReason = Extract<GenerationEvent, { type: "finish" }>["reason"];

/**
 * One request while it runs. Between two events nothing but the cache is alive on the backend, so that disposing the run
 * at any such point gives all its memory back.
 */
export class RequestRun implements Disposable {
  readonly #plan: RequestPlan;
  readonly #routing: RequestRouting;
  readonly #choose: NextToken;
  readonly #cache: SequenceCache;
  readonly #measured: RunMeasurements;
  readonly #text: TextStream;
  #prefill: PrefillRun | undefined;

  /** Checks the request; nothing is computed or allocated yet. @throws InvalidRequestError, TokenizerError */
  constructor(
    private readonly context: EngineContext,
    private readonly request: GenerationRequest,
  ) {
    const { model, tokenizer } = context;
    const { numLayers, numKeyValueHeads, headDim, contextLength } = model.spec;
    this.#plan = planRequest(request, tokenizer, contextLength);
    this.#routing = routeRequest(context, request);
    const { tokens, maxNewTokens, stop, textBefore } = this.#plan;
    this.#choose = nextToken(request.sampling, tokens);
    this.#text = new TextStream(tokenizer.detokenizer(textBefore), stop);
    this.#cache = new SequenceCache({
      backend: model.decoder.backend,
      numLayers,
      numKeyValueHeads,
      headDim,
      dtype: model.decoder.dtype,
      decode: request.decode ?? "routed",
      reserveTokens: Math.min(maxNewTokens, maximumReserve),
    });
    this.#measured = { promptTokens: tokens.length, newTokens: 0, prefillSeconds: 0, decodeSteps: 0, decodeSeconds: 0 };
  }

  async *events(): AsyncGenerator<GenerationEvent, void, undefined> {
    const prefill = this.#startPrefill();
    let token: number | undefined;
    let routing: SequenceRouting | undefined;
    try {
      yield* prefill.progress();
      using result = await prefill.result();
      routing = result.routing;
      this.#measured.prefillSeconds = result.seconds;
      if (this.#plan.maxNewTokens > 0) token = this.#choose(result.logits);
    } catch (error) {
      this.context.closing.throwIfAborted();
      if (!(this.#aborted && error === this.request.signal?.reason)) throw error;
    } finally {
      await prefill.stop();
    }
    const reason = this.#aborted || token === undefined ? undefined : yield* this.#decode(token);
    const report = routingReport(this.#measured, this.#routing.modeLabels, routing, this.#cache);
    this.#cache.dispose();
    yield { type: "finish", reason: reason ?? (this.#aborted ? "aborted" : "length"), text: this.#text.whole, report };
  }

  /** Resolves when nothing of this run computes any more. */
  async stop(): Promise<void> {
    await this.#prefill?.stop();
  }

  [Symbol.dispose](): void {
    this.#cache.dispose();
  }

  get #aborted(): boolean {
    return this.request.signal?.aborted ?? false;
  }

  #startPrefill(): PrefillRun {
    const { tokens } = this.#plan;
    const { router } = this.#routing;
    const { closing, model } = this.context;
    const { signal } = this.request;
    this.#prefill = new PrefillRun(model.decoder, {
      sequences: [{ tokens, cache: this.#cache, ...(router === undefined ? {} : { router }) }],
      onProgress: () => closing.throwIfAborted(),
      ...(signal === undefined ? {} : { signal }),
    });
    return this.#prefill;
  }

  /** Emits the tokens from the first one on; undefined when the signal ended it. */
  async *#decode(first: number): AsyncGenerator<GenerationEvent, FinishReason | undefined, undefined> {
    const { model, closing, endOfText } = this.context;
    for (let token = first; ; ) {
      this.#measured.newTokens += 1;
      const atEnd = endOfText.has(token);
      const atLimit = this.#measured.newTokens === this.#plan.maxNewTokens;
      const text = (atEnd ? "" : this.#text.push(token)) + (atEnd || atLimit ? this.#text.flush() : "");
      yield { type: "token", id: token, text };
      if (this.#text.stopped) return "stop";
      if (atEnd) return "end-of-text";
      if (atLimit) return "length";
      // The caller may be anywhere by now: it holds the thread between two tokens.
      closing.throwIfAborted();
      if (this.#aborted) return undefined;
      const begun = performance.now();
      {
        using logits = model.decoder.decode([token], [this.#cache]);
        token = this.#choose(logits);
      }
      this.#measured.decodeSteps += 1;
      this.#measured.decodeSeconds += (performance.now() - begun) / 1000;
      // Without a turn of the event loop no timer and no message could abort a request.
      await setImmediate();
      closing.throwIfAborted();
      if (this.#aborted) return undefined;
    }
  }
}

/** Room for new tokens that is made at once; a longer answer grows the cache. */
const maximumReserve = 1024;
