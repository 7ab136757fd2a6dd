import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { TrainingDataError, writeLargeFile } from "@elastic-attention/core";
import { findSuite, trainingRows } from "@elastic-attention/evaluation";
import { Tokenizer } from "@elastic-attention/generation";
import type { CommandFunction } from "../../program/command-definition.js";
import registerPackages from "../../program/register-packages.js";
import { namedFiles } from "../evaluate/named-files.js";
import type { RowsOptions } from "./train-commands.js";
import { trainingModelPath } from "./training-model.js";

/** `rows`: training rows from the tasks of a suite that gives its answers, in the tokens of the model that is trained. */
export const rows: CommandFunction<RowsOptions> = async ({ positional, options, signal }) => {
  registerPackages();
  const [name] = positional as [string];
  const { tasks: chosen, file, seed, lengths, limit, out, json } = options;
  const tokenizer = Tokenizer.load(await trainingModelPath({ model: options.model ?? "demo", backend: "cpu" }, signal));
  const tasks = await findSuite(name).tasks({
    ...(chosen === undefined ? {} : { tasks: chosen }),
    ...(file === undefined ? {} : { files: namedFiles(file) }),
  });
  if (tasks.some(({ kind }) => kind !== "answer")) {
    throw new TrainingDataError(`The suite ${name} gives no answers to train on.`, { hint: "Take the suite recall, or rows of your own." });
  }
  let count = 0;
  async function* lines() {
    for await (const row of trainingRows(tasks, { tokenizer, contextLength: Infinity, seed, samplesPerTask: limit, ...(lengths === undefined ? {} : { lengths }) })) {
      count += 1;
      yield Buffer.from(`${JSON.stringify(row)}\n`);
    }
  }
  await writeLargeFile(out, out.endsWith(".gz") ? compressed(lines()) : lines(), { signal });
  if (json) console.log(JSON.stringify({ file: out, rows: count }));
  else console.error(`Wrote ${count} rows to ${out}.`);
  return 0;
};

async function* compressed(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gzip = createGzip();
  // Whatever ends the source ends the stream that is read here, with its error.
  pipeline(Readable.from(pieces), gzip).catch(() => {});
  for await (const piece of gzip) yield piece as Uint8Array;
}
