import { readFileSync } from "node:fs";
import { writeFileWhole } from "@elastic-attention/core";
import { mobyDick, runningText } from "@elastic-attention/evaluation";
import { RandomStream, Tokenizer } from "@elastic-attention/generation";
import { type HeadList, randomHeadList, RetrievalScores } from "@elastic-attention/router";
import { checkModel, openModelFiles, PretrainedModel } from "@elastic-attention/transformer";
import { cutToTokens, hideNeedle, type NeedleDocument, needlePrompt } from "../../prompt/needle-document.js";
import { namedModel } from "../../engine/model-path.js";
import { startBackend } from "../../engine/start-backend.js";
import type { CommandFunction } from "../../program/command-definition.js";
import registerPackages from "../../program/register-packages.js";
import { Progress } from "../../terminal/progress.js";
import type { HeadsOptions } from "./model-commands.js";

const keys = ["harbour", "lantern", "orchard", "violin", "compass", "meadow", "anchor", "chimney"];

/** `heads`: retrieval scores of every key-value head over needle prompts, written as a head list. */
export const heads: CommandFunction<HeadsOptions> = async ({ options, signal }) => {
  registerPackages();
  const { path, name } = await namedModel(options, signal);
  if (options.random === true) return writeList(options, randomHeads(path, options));
  using backend = await startBackend(options);
  using model = await PretrainedModel.open({ path, backend, signal, weights: options.weights ?? "unpacked", ...(options.dtype === undefined ? {} : { dtype: options.dtype }) });
  const tokenizer = Tokenizer.load(model.ggufPath ?? model.directory);
  const book = options.haystack === undefined ? runningText(mobyDick()) : readFileSync(options.haystack, "utf8");
  const lengths = options.tokens ?? [1024, 2048, 4096].filter((tokens) => tokens + 256 <= model.spec.contextLength);
  const random = new RandomStream(options.seed);
  const scores = new RetrievalScores();
  {
    using progress = new Progress("Needle prompts");
    const total = lengths.length * options.samples;
    let done = 0;
    for (const tokens of lengths) {
      for (let sample = 0; sample < options.samples; sample++) {
        const start = Math.floor(random.next() * Math.max(0, book.length - 8 * tokens));
        const text = await cutToTokens(book.slice(start), tokens, async (part) => tokenizer.encode(part).length);
        const value = String(1_000_000 + Math.floor(random.next() * 9_000_000));
        // One needle in the middle of each of equal parts of the text, so that every depth is seen.
        const document = hideNeedle(text, (sample + 0.5) / options.samples, keys[sample % keys.length]!, value);
        await score(model, tokenizer, document, scores, signal);
        progress.update(++done, total);
      }
    }
  }
  const list: HeadList = {
    version: 1,
    description:
      `Retrieval scores of ${name}: attention to the needle while the answer is copied, mean over ${options.samples} ` +
      `prompts of about ${lengths.join(", ")} tokens each, seed ${options.seed}.`,
    scores: scores.scores().map((row) => row.map((value) => Number(value.toPrecision(6)))),
    sparsity: options.sparsity,
  };
  return writeList(options, list);
};

function writeList({ out, json }: HeadsOptions, list: HeadList): number {
  writeFileWhole(out, `${JSON.stringify(list, undefined, 1)}\n`);
  if (json) console.log(JSON.stringify(list));
  else console.error(`Wrote ${out}: ${list.scores.length} layers of ${list.scores[0]!.length} heads.`);
  return 0;
}

function randomHeads(path: string, { sparsity, seed }: HeadsOptions): HeadList {
  using files = openModelFiles(path);
  const { numLayers, numKeyValueHeads } = checkModel(files).spec;
  return randomHeadList({ numLayers, numKeyValueHeads, sparsity, seed });
}

/** Prefills one needle prompt with every head full and takes its scores. */
async function score(
  model: PretrainedModel,
  tokenizer: Tokenizer,
  document: NeedleDocument,
  scores: RetrievalScores,
  signal: AbortSignal,
): Promise<void> {
  const open = (text: string) => (tokenizer.hasChatTemplate ? tokenizer.applyChatTemplate([{ role: "user", content: text }]) : text);
  const encode = (text: string) => tokenizer.encode(text, { addSpecialTokens: !tokenizer.hasChatTemplate });
  const { before, needle, answerLead, answer } = document;
  const lead = encode(`${open(needlePrompt(document))}${answerLead}`);
  // The last token of the answer is never a query: nothing is copied after it.
  const tokens = encode(`${open(needlePrompt(document))}${answerLead} ${answer}`).slice(0, -1);
  scores.queries = tokens.length - commonLength(tokens, lead) + 1;
  // Where the tokens of the whole prompt and of its beginning part ways, the needle begins, or ends.
  scores.needle = [commonLength(tokens, encode(open(before))), commonLength(tokens, encode(open(before + needle)))];
  using cache = model.decoder.createCache({ paged: false });
  const { logits } = await model.decoder.prefill({ sequences: [{ tokens, cache }], observer: scores, signal });
  logits.dispose();
}

function commonLength(a: Int32Array, b: Int32Array): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length += 1;
  return length;
}
