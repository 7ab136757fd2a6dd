import { optionSchema, type OptionValues } from "./option.js";
import { choice, wholeNumber } from "./value-types.js";

/** Tokens of a draft at most: with a sequence's last token a decode step takes 16. */
export const mostDraftTokens = 15;

/**
 * Whether answers are drafted, and how: settings of an engine, and options of the commands that start one. The text is what it
 * is without them.
 */
export const speculationOptions = optionSchema({
  speculate: {
    type: choice("off", "ngram"),
    placeholder: "how",
    description: "ngram: where the answer repeats the prompt or itself, guess the next tokens from there and check several in one step; the text stays the same",
    default: "off",
  },
  speculateTokens: {
    type: wholeNumber({ minimum: 1, maximum: mostDraftTokens }),
    placeholder: "n",
    description: "most tokens guessed for one step",
    otherwise: `${mostDraftTokens}`,
    needs: ["speculate"],
  },
});

export type SpeculationOptions = OptionValues<typeof speculationOptions>;
