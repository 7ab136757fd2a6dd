import type { GenerationEvent, TokenLogprobs } from "../request/generation-request.js";
import { type Draw, TokenSampler } from "@elastic-attention/transformer";
import type { EngineContext } from "../engine-context.js";
import { answerSeed } from "../sampling/answer-seed.js";
import { ConstrainedAnswer } from "../sampling/constrained-answer.js";
import { tokenizing } from "../tokenizer/tokenizing.js";
import type { GenerationSettings } from "../request/generation-settings.js";
import type { PreparedRequest } from "../request/prepared-request.js";

/** How the tokens of one answer are drawn: its settings, its seed, its constraint. */
export class AnswerSampler {
  readonly settings: GenerationSettings;
  readonly #constrained: ConstrainedAnswer | undefined;

  /** @param index of the answer among those of its request */
  constructor(
    private readonly context: EngineContext,
    private readonly prepared: PreparedRequest,
    index: number,
  ) {
    const { request, checked, constraints } = prepared;
    this.settings = { ...checked.settings, seed: answerSeed(checked.settings.seed, index) };
    const constraint = constraints[index];
    this.#constrained = constraint && new ConstrainedAnswer(request.constraint!.name, constraint, context.choice.model.spec.vocabularySize);
  }

  /** Why no token could be drawn, where the constraint is the reason. */
  get problem(): Error | undefined {
    return this.#constrained?.problem;
  }

  /** Draws from the beginning of the answer on. The caller disposes it. @throws OutOfMemoryError */
  start(): TokenSampler {
    const { backend, spec } = this.context.choice.model.decoder;
    const { tokens, logprobs, logitBias } = this.prepared.checked;
    const parameters = { ...this.settings, ...(logitBias === undefined ? {} : { logitBias }), topLogProbabilities: logprobs };
    return new TokenSampler(backend, spec.vocabularySize, parameters, tokens, this.#constrained);
  }

  /** What is told of a token, where the request asks for it. */
  chancesOf({ logProbabilities: told }: Draw): Pick<Extract<GenerationEvent, { type: "token" }>, "logprobs"> {
    if (told === undefined) return {};
    const { tokenizer } = this.context;
    const text = (id: number) => tokenizing(() => tokenizer.decode([id], { skipSpecialTokens: false }));
    const logprobs: TokenLogprobs = { logprob: told.logProbability, top: told.top.map(({ token, logProbability }) => ({ id: token, text: text(token), logprob: logProbability })) };
    return { logprobs };
  }
}
