import { namedToken } from "../added-tokens/config-tokens.js";
import type { Description } from "../description/description.js";
import type { Frame } from "./read-post-processor.js";

/**
 * What `add_bos_token` and `add_eos_token` of tokenizer_config.json make of the tokens around a text: true puts the token
 * there where it is missing, false takes it away, and where nothing is said tokenizer.json counts.
 * @throws TokenizerError when the token to add is not named or not in the vocabulary
 */
export function frameByConfig(frame: Frame, config: Description, idOf: (token: string) => number | undefined): Frame {
  const wanted = (name: "bos" | "eos"): { readonly add: boolean; readonly id: number } | undefined => {
    const setting = `add_${name}_token`;
    if (!config.has(setting)) return undefined;
    const add = config.boolean(setting);
    const token = namedToken(config, `${name}_token`);
    const id = token === undefined ? undefined : idOf(token);
    if (id !== undefined) return { add, id };
    if (!add) return undefined;
    throw config.wrong(setting, `is true, but ${name}_token names no token of the vocabulary`);
  };
  const [begin, end] = [wanted("bos"), wanted("eos")];
  let { before, after } = frame;
  if (begin?.add === true && before[0] !== begin.id) before = [begin.id, ...before];
  if (begin?.add === false && before[0] === begin.id) before = before.slice(1);
  if (end?.add === true && after.at(-1) !== end.id) after = [...after, end.id];
  if (end?.add === false && after.at(-1) === end.id) after = after.slice(0, -1);
  return { before, after };
}
