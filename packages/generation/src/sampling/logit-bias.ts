import { InvalidRequestError } from "@elastic-attention/core";

/** Biases of one request at most. */
const mostBiases = 1000;

/** What is added to the logits of tokens, by their ids. */
export type LogitBias = Readonly<Record<number | string, number>>;

/** @returns undefined where there is nothing to add @throws InvalidRequestError */
export function checkLogitBias(bias: LogitBias | undefined, vocabularySize: number): ReadonlyMap<number, number> | undefined {
  if (bias === undefined) return undefined;
  if (typeof bias !== "object" || bias === null || Array.isArray(bias)) throw new InvalidRequestError("logitBias must be an object: token ids and what is added to their logits.");
  const entries = Object.entries(bias);
  if (entries.length > mostBiases) throw new InvalidRequestError(`logitBias has ${entries.length} tokens; ${mostBiases} are allowed.`);
  const checked = new Map<number, number>();
  for (const [key, added] of entries) {
    const token = /^\d+$/.test(key) ? Number(key) : -1;
    if (token < 0 || token >= vocabularySize) {
      throw new InvalidRequestError(`logitBias names token ${JSON.stringify(key)}; the model's vocabulary has ${vocabularySize} tokens.`, "Use the ids of this model's tokenizer.");
    }
    if (typeof added !== "number" || !(added >= -100 && added <= 100)) {
      throw new InvalidRequestError(`logitBias of token ${token} must be between -100 and 100, found ${String(added)}.`);
    }
    if (added !== 0) checked.set(token, added);
  }
  return checked.size === 0 ? undefined : checked;
}
