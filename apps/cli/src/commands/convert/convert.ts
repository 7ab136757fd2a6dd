import { convertModel } from "@elastic-attention/generation";
import { sizeText } from "@elastic-attention/hub";
import { findModel } from "../../engine/find-model.js";
import type { CommandFunction } from "../../program/command-definition.js";
import { exitCodes } from "../../program/exit-codes.js";
import registerPackages from "../../program/register-packages.js";
import { Progress } from "../../terminal/progress.js";
import type { ConvertOptions } from "./convert-command.js";

/** `convert`: a model in another kind of file, or in other weights. */
export const convert: CommandFunction<ConvertOptions> = async ({ positional, options: { out, weights, overwrite = false, json = false }, signal }) => {
  registerPackages();
  const { path, name } = await findModel(positional[0]!, { quiet: json, signal });
  using progress = new Progress("Converting", (done, total) => `${sizeText(done)} of ${sizeText(total)}`);
  try {
    const begun = performance.now();
    const model = await convertModel({ path, out, name, weights, overwrite, signal, ...(json ? {} : { onProgress: (done, total) => progress.update(done, total) }) });
    progress[Symbol.dispose]();
    const seconds = (performance.now() - begun) / 1000;
    if (json) {
      console.log(JSON.stringify({ name, ...model, seconds }, undefined, 2));
      return 0;
    }
    for (const note of model.notes) console.error(`note: ${note}`);
    console.error(`${sizeText(model.bytesBefore)} of weights became ${sizeText(model.bytes)} (${model.types.join(", ")}) in ${seconds.toFixed(1)} s. Run it with --model ${out}`);
    console.log(out);
    return 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    progress[Symbol.dispose]();
    if (!json) console.error("Stopped; nothing was written.");
    return exitCodes.interrupted;
  }
};
