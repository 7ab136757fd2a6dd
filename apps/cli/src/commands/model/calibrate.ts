import { readFileSync } from "node:fs";
import { effectiveSparsity } from "@elastic-attention/attention";
import { DatasetError } from "@elastic-attention/core";
import { mobyDick, runningText } from "@elastic-attention/evaluation";
import { Tokenizer } from "@elastic-attention/generation";
import { ConstantRouter } from "@elastic-attention/router";
import { elasticModes, PretrainedModel } from "@elastic-attention/transformer";
import { namedModel } from "../../engine/model-path.js";
import { startBackend } from "../../engine/start-backend.js";
import type { CommandFunction } from "../../program/command-definition.js";
import registerPackages from "../../program/register-packages.js";
import { Progress } from "../../terminal/progress.js";
import type { CalibrateOptions } from "./model-commands.js";
import { mostMeasurements, searchFactor } from "./search-factor.js";

/** `calibrate`: the factor with which every head in the mode `threshold` skips a wanted share of tiles. */
export const calibrate: CommandFunction<CalibrateOptions> = async ({ options, signal }) => {
  registerPackages();
  const { path, name } = await namedModel(options, signal);
  using backend = await startBackend(options);
  using model = await PretrainedModel.open({ path, backend, signal, ...(options.weights === undefined ? {} : { weights: options.weights }), ...(options.dtype === undefined ? {} : { dtype: options.dtype }) });
  const prompts = promptsOf(Tokenizer.load(model.ggufPath ?? model.directory), options, model.spec.contextLength);
  const tokens = Math.max(...prompts.map(({ length }) => length));
  using progress = new Progress("Prompts");
  let done = 0;
  const found = await searchFactor(options.share, tokens, async (factor) => {
    const { sparseMode, retrievalMode } = elasticModes(`fa-threshold:factor=${factor}`, model.sizes);
    const blocks = [];
    for (const prompt of prompts) {
      using cache = model.decoder.createCache({ paged: false });
      const { logits, sequences } = await model.decoder.prefill({ sequences: [{ tokens: prompt, cache, router: new ConstantRouter(sparseMode, retrievalMode) }], signal });
      logits.dispose();
      blocks.push(...sequences[0]!.routing.blocks);
      progress.update(++done, mostMeasurements * prompts.length);
    }
    return effectiveSparsity(blocks);
  });
  progress[Symbol.dispose]();
  if (options.json) console.log(JSON.stringify({ model: name, ...found, wantedShare: options.share, prompts: prompts.length, tokens, mode: `fa-threshold:factor=${found.factor}` }));
  else {
    console.log(`Factor ${found.factor} skips ${(100 * found.share).toFixed(1)}% of the tiles of ${prompts.length} ${prompts.length === 1 ? "prompt" : "prompts"} of up to ${tokens} tokens.`);
    console.log(`Use it as --mode fa-threshold:factor=${found.factor}`);
  }
  return 0;
};

/** Parts of each text, spread evenly over it. @throws DatasetError for a text without a word */
function promptsOf(tokenizer: Tokenizer, { file, samples, tokens }: CalibrateOptions, contextLength: number): Int32Array[] {
  const length = Math.min(tokens, contextLength);
  const texts = file === undefined ? [runningText(mobyDick())] : file.map((path) => readFileSync(path, "utf8"));
  return texts.flatMap((text, index) => {
    if (text.trim() === "") throw new DatasetError(`The text ${file?.[index] ?? ""} is empty.`);
    return Array.from({ length: samples }, (_, sample) => {
      // Texts have fewer than eight characters a token.
      const start = Math.floor((Math.max(0, text.length - 8 * length) * sample) / Math.max(1, samples));
      return tokenizer.encode(text.slice(start, start + 8 * length)).slice(0, length);
    });
  });
}
