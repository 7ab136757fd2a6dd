import { choice, optionSchema, type OptionValues, realNumber, repeated, share, text, wholeNumber } from "@elastic-attention/core";

/** Whether sparse heads drop keys and values while they decode. */
export const decodeOption = {
  type: choice("routed", "full"),
  placeholder: "policy",
  description: "routed: sparse heads drop their keys and values; full: they keep them",
  default: "routed",
} as const;

/** Options of every command that writes text. */
export const generationOptions = optionSchema({
  maxNewTokens: { type: wholeNumber({ minimum: 1 }), short: "n", placeholder: "n", description: "longest answer", otherwise: "up to the model's context" },
  decode: decodeOption,
  temperature: { type: realNumber({ minimum: 0 }), placeholder: "t", description: "0 is greedy", default: 0 },
  topK: { type: wholeNumber({ minimum: 1 }), placeholder: "k", description: "keep the k most likely tokens" },
  topP: { type: realNumber({ above: 0, maximum: 1 }), placeholder: "p", description: "keep the most likely tokens up to this probability" },
  minP: { type: share, placeholder: "p", description: "drop tokens below this share of the most likely one" },
  repetitionPenalty: { type: realNumber({ above: 0 }), placeholder: "p", description: "1 is off" },
  seed: { type: wholeNumber(), placeholder: "n", description: "same seed, same text" },
  stop: { type: repeated(text()), placeholder: "text", description: "text that ends the answer" },
});

export type GenerationOptions = OptionValues<typeof generationOptions>;
