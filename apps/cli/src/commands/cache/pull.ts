import { HubRequestError, sizeText } from "@elastic-attention/hub";
import { findModel } from "../../engine/find-model.js";
import type { CommandFunction } from "../../program/command-definition.js";
import { exitCodes } from "../../program/exit-codes.js";
import type { CacheOptions } from "./cache-commands.js";

/** `pull`: a model of the hub into the cache, with the files that loading it needs. */
export const pull: CommandFunction<CacheOptions> = async ({ positional, options: { json = false }, signal }) => {
  const name = positional[0]!;
  try {
    const { path, hub, ...model } = await findModel(name, { quiet: json, signal });
    if (hub === undefined) throw new HubRequestError(`${name} is on this disk: there is nothing to fetch.`, `Run it with --model ${name}. For a model of the hub that is called like a folder here, name its revision: ${name}@main.`);
    const size = hub.files.reduce((sum, file) => sum + file.size, 0);
    if (json) console.log(JSON.stringify({ name: model.name, path, size, ...hub, notes: model.notes }, undefined, 2));
    else {
      const fetched = hub.fetchedBytes === 0 ? "all of it was in the cache" : `${sizeText(hub.fetchedBytes)} fetched`;
      console.error(`${model.name} at ${hub.commit.slice(0, 12)}: ${hub.files.length} files, ${sizeText(size)}; ${fetched}. Run it with --model ${model.name}`);
      console.log(path);
    }
    return 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    if (!json) console.error("Stopped; what was fetched is kept, and the same command resumes.");
    return exitCodes.interrupted;
  }
};
