import { choice, flag, optionSchema, type OptionValues, realNumber, repeated, share, text, wholeNumber } from "@elastic-attention/core";

/** Whether sparse heads drop keys and values while they decode. */
export const decodeOption = {
  type: choice("routed", "full"),
  placeholder: "policy",
  description: "routed: sparse heads drop their keys and values; full: they keep them",
  default: "routed",
} as const;

const byModel = "as the model says";

/** Options of every command that writes text. */
export const generationOptions = optionSchema({
  maxNewTokens: { type: wholeNumber({ minimum: 1 }), short: "n", placeholder: "n", description: "longest answer", otherwise: "as the model's generation_config.json says, else 512" },
  decode: decodeOption,
  greedy: {
    type: flag,
    description: "always the most likely token, whatever the model's generation_config.json says",
    conflicts: ["temperature", "topK", "topP", "minP", "seed"],
  },
  temperature: { type: realNumber({ minimum: 0 }), placeholder: "t", description: "0 is greedy", otherwise: "as the model's generation_config.json says, else 0" },
  topK: { type: wholeNumber({ minimum: 1 }), placeholder: "k", description: "keep the k most likely tokens", otherwise: byModel },
  topP: { type: realNumber({ above: 0, maximum: 1 }), placeholder: "p", description: "keep the most likely tokens up to this probability", otherwise: byModel },
  minP: { type: share, placeholder: "p", description: "drop tokens below this share of the most likely one", otherwise: byModel },
  repetitionPenalty: { type: realNumber({ above: 0 }), placeholder: "p", description: "1 is off", otherwise: byModel },
  seed: { type: wholeNumber(), placeholder: "n", description: "same seed, same text" },
  stop: { type: repeated(text()), placeholder: "text", description: "text that ends the answer" },
});

export type GenerationOptions = OptionValues<typeof generationOptions>;
