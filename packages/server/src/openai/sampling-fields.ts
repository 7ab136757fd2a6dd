import type { GenerationRequest, SamplingParameters } from "@elastic-attention/generation";
import { z } from "zod";
import { ApiError } from "../errors/api-error.js";
import type { ServerContext } from "../server-context.js";

const tokens = z.number().int().min(1).nullish();
const stopText = z.string().min(1);
const stopProblem = "must be a text or a list of up to 16 texts, none of them empty";

/** Fields by which every route says how an answer is drawn. */
export const samplingFields = {
  max_tokens: tokens.describe("longest answer in tokens"),
  temperature: z.number().min(0).max(100).nullish().describe("0 is greedy; default: as the model says, else 0"),
  top_p: z.number().min(0).max(1).nullish(),
  top_k: z.number().int().min(-1).nullish().describe("0 and -1 keep all tokens"),
  min_p: z.number().min(0).max(1).nullish(),
  repetition_penalty: z.number().positive().nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: z.record(z.string(), z.number().min(-100).max(100)).nullish(),
  n: z.number().int().min(1).max(128).nullish(),
  seed: z.number().int().nullish(),
  stop: z.union([stopText, z.array(stopText).max(16)], { error: stopProblem }).nullish().describe("up to 16 texts that end the answer"),
  user: z.string().nullish(),
};

const samplingSchema = z.object(samplingFields);
type SamplingFields = z.infer<typeof samplingSchema>;

/** The part of an engine's request that says how an answer is drawn. */
type DrawnBy = Pick<GenerationRequest, "sampling" | "stop" | "maxNewTokens" | "defaultNewTokens" | "count" | "logitBias">;

/** @throws ApiError 400 for what cannot be honoured */
export function samplingOf(body: SamplingFields, { engine, options: { maximumAnswerTokens = Infinity } }: Pick<ServerContext, "engine" | "options">): DrawnBy {
  const { max_tokens: maxNewTokens, stop, n: count, logit_bias: logitBias } = body;
  if (maxNewTokens != null && maxNewTokens > maximumAnswerTokens) {
    throw ApiError.invalid("max_tokens", `max_tokens is ${maxNewTokens}; this server answers with at most ${maximumAnswerTokens} tokens.`);
  }
  const texts = typeof stop === "string" ? [stop] : stop;
  // Clients that name no limit expect an answer to its end: the context's end is its only one.
  const byDefault = Math.min(engine.model.defaults.maxNewTokens ?? Infinity, maximumAnswerTokens);
  return {
    sampling: samplingParameters(body),
    ...(texts == null ? {} : { stop: texts }),
    ...(maxNewTokens == null ? { defaultNewTokens: byDefault } : { maxNewTokens }),
    ...(count == null ? {} : { count }),
    ...(logitBias == null ? {} : { logitBias }),
  };
}

function samplingParameters({ presence_penalty: presencePenalty, frequency_penalty: frequencyPenalty, temperature, top_p: topP, top_k: topK, min_p: minP, repetition_penalty: repetitionPenalty, seed }: SamplingFields): SamplingParameters {
  return {
    ...(temperature == null ? {} : { temperature }),
    // A share of nothing leaves the likeliest token.
    ...(topP === 0 ? { topK: 1 } : { ...(topP == null ? {} : { topP }), ...(topK == null ? {} : { topK: Math.max(0, topK) }) }),
    ...(minP == null ? {} : { minP }),
    ...(repetitionPenalty == null ? {} : { repetitionPenalty }),
    ...(presencePenalty == null ? {} : { presencePenalty }),
    ...(frequencyPenalty == null ? {} : { frequencyPenalty }),
    ...(seed == null ? {} : { seed }),
  };
}

/** A field that is known and that this server cannot honour. */
export function cannotHonour(param: string, why = "this server cannot honour it; leave it out"): ApiError {
  return ApiError.invalid(param, `${param}: ${why}.`, "unsupported_parameter");
}
