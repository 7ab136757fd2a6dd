import { Description } from "../description/description.js";
import { type AddedToken, readAddedToken } from "./added-token.js";

const namedTokens = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"] as const;

/**
 * Tokens that only tokenizer_config.json or special_tokens_map.json names, in the order in which transformers adds them:
 * `added_tokens_decoder` by id, then the special tokens by name.
 *
 * @param isAdded whether a token is there already.
 * @throws TokenizerError for entries that are no tokens
 */
export function readConfigTokens(config: Description, isAdded: (content: string) => boolean): AddedToken[] {
  const tokens = [...decoderTokens(config), ...nameTokens(config)];
  const seen = new Set<string>();
  return tokens.filter(({ content }) => content !== "" && !isAdded(content) && !seen.has(content) && seen.add(content).size > 0);
}

/** The text of a special token that the configuration names, such as `bos_token`. */
export function namedToken(config: Description, name: string): string | undefined {
  return config.has(name) ? tokenOf(config.value(name), `${config.place}.${name}`)?.content : undefined;
}

function decoderTokens(config: Description): AddedToken[] {
  if (!config.has("added_tokens_decoder")) return [];
  return config
    .entries("added_tokens_decoder")
    .sort(([one], [other]) => Number(one) - Number(other))
    .map(([id, value]) => readAddedToken(new Description(value, `${config.place}.added_tokens_decoder.${id}`), { special: false, normalized: true }));
}

function nameTokens(config: Description): AddedToken[] {
  const named: (AddedToken | undefined)[] = namedTokens.map((name) => (config.has(name) ? tokenOf(config.value(name), `${config.place}.${name}`) : undefined));
  for (const name of ["additional_special_tokens", "extra_special_tokens"]) {
    const value = config.value(name);
    const list: unknown[] = Array.isArray(value) ? value : typeof value === "object" && value !== null ? Object.values(value) : [];
    named.push(...list.map((token, index) => tokenOf(token, `${config.place}.${name}[${index}]`)));
  }
  return named.filter((token) => token !== undefined);
}

/** A text, or an object with its flags. */
function tokenOf(value: unknown, place: string): AddedToken | undefined {
  if (value === null || value === undefined || value === false) return undefined;
  const description = new Description(typeof value === "string" ? { content: value } : value, place);
  return { ...readAddedToken(description, { special: true, normalized: false }), special: true };
}
