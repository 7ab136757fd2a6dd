// The recipe of the demo model's routers, step by step: `prepare` texts, `generate` rows, train with
// `elastic-attention train`, `evaluate` on held-out rows.
import { createWriteStream, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { gunzipSync, createGzip } from "node:zlib";
import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";
import { Command } from "commander";
import { cpuProvider } from "@elastic-attention/cpu";
import { cudaProvider } from "@elastic-attention/cuda";
import { Tokenizer } from "@elastic-attention/generation";
import { registerQwen } from "@elastic-attention/model-qwen";
import { parseHeadList, StaticRouter } from "@elastic-attention/router";
import { createBackend, referenceProvider, registerBackend } from "@elastic-attention/tensor";
import { PretrainedModel } from "@elastic-attention/transformer";
import { type FamilyScore, groupBy, mergeScores, scoreRows, summarize, tokenizeRow } from "./evaluate.js";
import { type DataRow, dataRow, promptFamilies, trainingRow } from "./generate-rows.js";
import { Haystack } from "./haystack.js";
import { informedGains, type Range } from "./informed-lists.js";
import { prepareTexts, type PrepareOptions } from "./prepare-texts.js";
import { SeededRandom } from "./seeded-random.js";
import { readTexts } from "./texts.js";

const program = new Command("demo-router").description("Data and held-out scores of the demo model's routers.");

program
  .command("prepare")
  .description("pick texts from folders and write them into one compressed file")
  .requiredOption("--prose <dir>")
  .requiredOption("--technical <dir>")
  .requiredOption("--code <dir>")
  .requiredOption("--questions <file>")
  .requiredOption("--words <dir>")
  .requiredOption("--out <file>")
  .action((options: PrepareOptions) => {
    const { documents } = prepareTexts(options);
    for (const [kind, { train, heldOut }] of Object.entries(documents)) {
      console.log(`${kind}: ${train.length} documents for training, ${heldOut.length} held out`);
    }
  });

interface GenerateOptions {
  readonly texts: string;
  readonly model: string;
  readonly out: string;
  readonly rows: string;
  readonly seed: string;
  readonly lengths: readonly string[];
  readonly heldOut?: boolean;
  readonly part: string;
}

program
  .command("generate")
  .description("write rows as JSONL (.gz compresses)")
  .requiredOption("--texts <file>", "what `prepare` wrote")
  .requiredOption("--model <dir>", "the demo model's folder, for its tokenizer")
  .requiredOption("--out <file>")
  .option("--rows <n>", "training rows, or held-out rows of each family and length", "1000")
  .option("--seed <n>", "", "1")
  .option("--lengths <n...>", "shortest and longest prompt, or every held-out length", ["1024", "8192"])
  .option("--held-out", "every family at every length, from the held-out texts")
  .option("--part <i/n>", "make the i-th of n parts of the training rows (from 0)", "0/1")
  .action(async (options: GenerateOptions) => {
    const haystack = new Haystack(Tokenizer.load(options.model), readTexts(options.texts), options.heldOut ? "heldOut" : "train");
    const [count, seed, lengths] = [Number(options.rows), Number(options.seed), options.lengths.map(Number)];
    const [part, parts] = options.part.split("/").map(Number);
    const rows = options.heldOut ? heldOutRows(haystack, seed, count, lengths) : trainingRows(haystack, seed, count, lengths, part!, parts!);
    const lines = Readable.from(toLines(rows));
    const file = createWriteStream(options.out);
    await (options.out.endsWith(".gz") ? pipeline(lines, createGzip(), file) : pipeline(lines, file));
  });

function* trainingRows(haystack: Haystack, seed: number, count: number, lengths: readonly number[], part: number, parts: number): Generator<DataRow> {
  for (let index = part; index < count; index += parts) yield trainingRow(haystack, seed, index, [lengths[0]!, lengths.at(-1)!]);
}

function* heldOutRows(haystack: Haystack, seed: number, count: number, lengths: readonly number[]): Generator<DataRow> {
  for (const length of lengths) {
    for (const [index, family] of promptFamilies.entries()) {
      for (let sample = 0; sample < count; sample++) yield dataRow(family, new SeededRandom(seed, 1_000_000 * index + 1000 * length + sample), haystack, length);
    }
  }
}

function* toLines(rows: Iterable<DataRow>): Generator<string> {
  for (const row of rows) yield `${JSON.stringify(row)}\n`;
}

interface EvaluateOptions {
  readonly model: string;
  readonly rows: string;
  readonly backend: string;
  readonly threads: string;
  readonly router?: readonly string[];
  readonly heads?: readonly string[];
  readonly sparsity?: readonly string[];
  readonly limit?: string;
  readonly part: string;
  readonly full: boolean;
  readonly out: string;
}

interface SystemScores {
  readonly system: string;
  readonly scores: readonly FamilyScore[];
}

program
  .command("summarize")
  .description("one line for each system, over what `evaluate` wrote for all parts of the rows")
  .argument("<file...>")
  .action((files: readonly string[]) => {
    for (const [system, scores] of readScores(files)) console.log(summaryLine(system, scores));
  });

program
  .command("informed")
  .description("what evaluated head lists would gain from being told each prompt's task, at equal sparsity")
  .argument("<file...>", "what `evaluate` wrote")
  .option("--gap <share>", "sparsity of robust tasks above that of sensitive ones, at least", "0.1")
  .action((files: readonly string[], { gap }: { readonly gap: string }) => {
    for (const { list, pairs, exact, tokens } of informedGains(readScores(files), Number(gap))) {
      const range = ({ least, mean, most }: Range) => `${least.toFixed(4)} to ${most.toFixed(4)}, mean ${mean.toFixed(4)}`;
      console.log(`${list}, ${pairs} pairs of shares: exact ${range(exact)}; tokens ${range(tokens)}`);
    }
  });

program
  .command("evaluate")
  .description("score held-out rows: every head full, under trained routers, under head lists at given sparsities")
  .requiredOption("--model <dir>")
  .requiredOption("--rows <file>", "held-out rows, .jsonl or .jsonl.gz")
  .option("--backend <name>", "", "cpu")
  .option("--threads <n>", "", String(availableParallelism()))
  .option("--router <file...>", "what `train` wrote")
  .option("--heads <file...>", "head lists")
  .option("--sparsity <share...>", "for the head lists; default: that of the first router")
  .option("--limit <n>", "rows of each family and length")
  .option("--part <i/n>", "the i-th of n parts of the rows (from 0); `summarize` joins what they gave", "0/1")
  .option("--no-full", "leave out every head full")
  .requiredOption("--out <file>", "JSON with all scores")
  .action(async (options: EvaluateOptions) => {
    for (const provider of [cpuProvider, cudaProvider, referenceProvider]) registerBackend(provider);
    registerQwen();
    using backend = await createBackend(options.backend, options.backend === "cpu" ? { threads: Number(options.threads) } : {});
    const tokenizer = Tokenizer.load(options.model);
    const endOfText = tokenizer.tokenId("<|end|>")!;
    const [part, parts] = options.part.split("/").map(Number);
    const rows = readRows(options.rows, Number(options.limit ?? Infinity))
      .filter((_, index) => index % parts! === part)
      .map((row) => tokenizeRow(row, tokenizer, endOfText));
    const results: SystemScores[] = [];
    const record = (system: string, scores: FamilyScore[]) => {
      results.push({ system, scores });
      writeFileSync(options.out, JSON.stringify(results));
      console.log(summaryLine(system, scores));
    };
    if (options.full) {
      using model = await PretrainedModel.open({ path: options.model, backend });
      record("full", await scoreRows(model, rows, undefined));
    }
    for (const routers of options.router ?? []) {
      using model = await PretrainedModel.open({ path: options.model, backend, routers });
      const { retrievalMode, sparseMode } = model.spec.elastic!;
      record(`router ${routers}`, await scoreRows(model, rows, model.learnedRouter(retrievalMode, sparseMode)));
    }
    const learned = results.find(({ system }) => system.startsWith("router"));
    const reached = learned === undefined ? undefined : summarize(learned.scores).sparsity;
    using model = await PretrainedModel.open({ path: options.model, backend });
    for (const file of options.heads ?? []) {
      const list = parseHeadList(JSON.parse(readFileSync(file, "utf8")) as unknown);
      for (const sparsity of options.sparsity?.map(Number) ?? [reached ?? list.sparsity]) {
        const router = new StaticRouter({ list, ...model.spec.elastic!, sparsity });
        record(`heads ${file} at ${sparsity.toFixed(3)}`, await scoreRows(model, rows, router));
      }
    }
  });

/** Scores of each system over all parts of the rows. */
function readScores(files: readonly string[]): Map<string, FamilyScore[]> {
  const all = files.flatMap((file) => JSON.parse(readFileSync(file, "utf8")) as SystemScores[]);
  const systems = groupBy(all, ({ system }) => system);
  return new Map([...systems].map(([system, parts]) => [system, mergeScores(parts.map(({ scores }) => scores))]));
}

function readRows(path: string, limit: number): DataRow[] {
  const bytes = readFileSync(path);
  const text = (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8");
  const rows = text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as DataRow);
  const seen = new Map<string, number>();
  return rows.filter(({ metadata: { family, length } }) => {
    const count = (seen.get(`${family} ${length}`) ?? 0) + 1;
    seen.set(`${family} ${length}`, count);
    return count <= limit;
  });
}

function summaryLine(system: string, scores: readonly FamilyScore[]): string {
  const { exact, tokens, sparsity, sparsityByTask } = summarize(scores);
  const tasks = Object.entries(sparsityByTask).map(([task, share]) => `${task} ${share.toFixed(3)}`).join(", ");
  return `${system}: exact ${exact.toFixed(4)}, tokens ${tokens.toFixed(4)}, MSR ${sparsity.toFixed(3)} (${tasks})`;
}

await program.parseAsync();
