import { removeModel, sizeText } from "@elastic-attention/hub";
import type { CommandFunction } from "../../program/command-definition.js";
import type { CacheOptions } from "./cache-commands.js";

/** `remove`: a model, one revision or one quantisation of it, out of the cache. */
export const remove: CommandFunction<CacheOptions> = async ({ positional, options: { json = false } }) => {
  const removed = await removeModel(positional[0]!);
  if (json) console.log(JSON.stringify(removed, undefined, 2));
  else console.log(`Removed ${removed.name}${removed.files.length > 0 ? `: ${removed.files.join(", ")}` : ""}; ${sizeText(removed.freedBytes)} freed`);
  return 0;
};
