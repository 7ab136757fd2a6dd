import { availableParallelism } from "node:os";
import { EvaluationError } from "@elastic-attention/core";
import { type Communicator, runRanks } from "@elastic-attention/distributed";
import {
  describeRun,
  type EvaluationSuite,
  findSuite,
  parseVariants,
  planSuites,
  RunFolder,
  runEvaluation,
  type RunRequest,
  suiteNames,
  summarizeRun,
  type Variant,
} from "@elastic-attention/evaluation";
import { LocalEngine, needsRouter } from "@elastic-attention/generation";
import { namedModel } from "../../engine/model-path.js";
import { loadSettings } from "../../engine/load-settings.js";
import { chosenRouter } from "../../engine/request-settings.js";
import type { CommandFunction } from "../../program/command-definition.js";
import { exitCodes } from "../../program/exit-codes.js";
import registerPackages from "../../program/register-packages.js";
import { openInBrowser } from "../../terminal/open-in-browser.js";
import { layersOf, Progress } from "../../terminal/progress.js";
import { namedFiles } from "./named-files.js";
import type { EvaluateOptions } from "./evaluate-commands.js";
import { EvaluationBar } from "./evaluation-bar.js";
import { summaryText } from "./evaluation-text.js";
import type { HubData } from "./hub-data.js";
import { writeReport } from "./write-report.js";

/** The value of `--data` that is no folder; a folder of that name is `./hub`. */
const fromHub = "hub";

/** `eval`: benchmarks under several modes on the same prompts, into a folder with records, summary and report. */
export const evaluate: CommandFunction<EvaluateOptions> = async ({ positional, options, signal }) => {
  const suites = positional;
  registerPackages();
  if (options.list) return list(options);
  if (suites.length === 0) {
    throw new EvaluationError("There is no suite to evaluate.", `Name some of ${suiteNames().join(", ")}, or all: elastic-attention eval all.`);
  }
  return runRanks((communicator) => evaluateOnRank(communicator, suites, options, signal));
};

async function evaluateOnRank(communicator: Communicator, suites: readonly string[], options: EvaluateOptions, signal: AbortSignal): Promise<number> {
  const first = communicator.rank === 0;
  const say = (text: string) => {
    if (first && !options.json) console.error(text);
  };
  // What can be wrong is found before a model is loaded.
  const { mode, sparsity, sweep } = options;
  const router = chosenRouter(options);
  const variants = parseVariants(mode, { ...(sparsity === undefined ? {} : { sparsity }), ...(sweep === undefined ? {} : { sweep }) });
  const hub = await hubData(options, communicator, first && !options.json ? say : undefined, signal);
  const { planned, leftOut } = await planSuites({
    ...suiteChoice(suites, options),
    ...(hub === undefined ? {} : { provide: (suite: EvaluationSuite, tasks: readonly string[]) => hub.provide(suite, tasks) }),
  });
  for (const { name, reason } of leftOut) say(`Left out ${name}: ${reason}`);
  const folder = new RunFolder(options.out ?? `evaluation-${suites.join("-")}`);
  await using engine = await loadEngine(options, variants, communicator, signal);
  const request: RunRequest = {
    suites: planned,
    variants,
    seed: options.seed,
    chatFormat: options.chat,
    strict: options.strict ?? false,
    chainOfThought: options.cot ?? false,
    decode: options.decode,
    data: dataSources(planned.map(({ suite }) => suite.name), options, hub),
    command: ["elastic-attention", ...process.argv.slice(2)].join(" "),
    ...(router.name === undefined ? {} : { router: router.name }),
    ...(options.sweepLimit === undefined ? {} : { sweepSamples: options.sweepLimit }),
    ...(options.batch === undefined ? {} : { batch: options.batch }),
  };
  const given = { ...(options.heads === undefined ? {} : { headList: options.heads }), ...(router.file === undefined ? {} : { routers: router.file }) };
  const description = await describeRun(engine, request, communicator, given, signal);
  say(`${engine.model.name}: ${planned.map(({ suite }) => suite.name).join(", ")} under ${variants.map(({ name }) => name).join(", ")}, into ${folder.path}`);
  try {
    using bar = new EvaluationBar(first && !options.json);
    const outcome = await runEvaluation({
      engine,
      request,
      description,
      folder,
      resume: options.resume ?? false,
      communicator,
      signal,
      onPlan: (done, total) => bar.planning(done, total),
      onProgress: (progress) => bar.update(progress),
    });
    bar[Symbol.dispose]();
    if (!first) return 0;
    const summary = summarizeRun(outcome.description, outcome.records);
    const report = writeReport(folder, summary);
    if (options.json) console.log(JSON.stringify(summary));
    else console.log(`${summaryText(summary)}\nReport: ${report}`);
    if (options.open) openInBrowser(report);
    return 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    say(`Stopped; what was done is kept. Resume with the same command and --resume.`);
    if (communicator.size > 1) communicator.abort("interrupted");
    return exitCodes.interrupted;
  }
}

function suiteChoice(suites: readonly string[], options: EvaluateOptions): Parameters<typeof planSuites>[0] {
  const { tasks, lengths, limit, preset, data, cot } = options;
  return {
    suites,
    data: {
      ...(data === undefined || data === fromHub ? {} : { dataDirectory: data }),
      ...(options.file === undefined ? {} : { files: namedFiles(options.file) }),
      ...(cot === undefined ? {} : { chainOfThought: cot }),
    },
    ...(tasks === undefined ? {} : { tasks }),
    ...(lengths === undefined ? {} : { lengths }),
    ...(limit === undefined ? {} : { samplesPerTask: limit }),
    ...(preset === undefined ? {} : { preset }),
  };
}

function dataSources(names: readonly string[], { data, file = [] }: EvaluateOptions, hub: HubData | undefined): Record<string, string> {
  const given = [...(data === undefined || hub !== undefined ? [] : [data]), ...file];
  return Object.fromEntries(
    names.flatMap((name) => {
      const fetched = hub?.descriptions[name];
      const source = [...(fetched === undefined ? [] : [fetched]), ...given].join(", ");
      return source === "" ? [] : [[name, source]];
    }),
  );
}

/** With `--data hub`. @throws EvaluationError for revisions that nothing asks for */
async function hubData(options: EvaluateOptions, communicator: Communicator, say: ((text: string) => void) | undefined, signal: AbortSignal): Promise<HubData | undefined> {
  const { data, dataRevision = [] } = options;
  if (data !== fromHub) {
    if (dataRevision.length > 0) throw new EvaluationError("--data-revision belongs to --data hub.", "Name both, or leave it out.");
    return undefined;
  }
  // The hub's client is large, and not needed elsewhere.
  const { HubData, namedRevisions } = await import("./hub-data.js");
  return new HubData(communicator, namedRevisions(dataRevision), Object.keys(namedFiles(options.file ?? [])), say, signal);
}

/** In this thread: the runner asks for raw numerics and brings routers of its own. */
async function loadEngine(options: EvaluateOptions, variants: readonly Variant[], { rank, size }: Communicator, signal: AbortSignal): Promise<LocalEngine> {
  const { name: ownRouter } = chosenRouter(options);
  // Several modes are compared: a model without a router is refused for the first that needs one.
  const { mode: _, sparsity: __, ...modelOptions } = options;
  const wishes = ownRouter === undefined ? variants.filter((variant) => variant.kind === "elastic").map(wishOf) : [];
  const routing = wishes.find(needsRouter) ?? {};
  const { path, name } = await namedModel({ ...modelOptions, ...routing, json: rank > 0 || options.json === true }, signal);
  using progress = new Progress("Loading the model", layersOf);
  const threads = options.threads ?? (size > 1 ? Math.max(1, Math.floor(availableParallelism() / size)) : undefined);
  // Awaited here: the bar is on the screen until the model is loaded.
  return await LocalEngine.load({
    path,
    name,
    routing,
    ...loadSettings(options),
    ...(threads === undefined ? {} : { threads }),
    // Throughput over latency: prompts are read to their end, and answers grow in large batches.
    prefillBudgetMilliseconds: Infinity,
    maximumBatch: Math.max(64, options.batch ?? 0),
    signal,
    ...(rank > 0 || options.json ? {} : { onProgress: (done: number, total: number) => progress.update(done, total) }),
  });
}

function wishOf({ mode, sparsity }: Variant & { readonly kind: "elastic" }): { readonly mode: string; readonly sparsity?: number } {
  return { mode, ...(sparsity === undefined ? {} : { sparsity }) };
}

function list({ json }: EvaluateOptions): number {
  const suites = suiteNames().map((name) => {
    const { description, taskNames, presets } = findSuite(name);
    return { name, description, tasks: taskNames, presets };
  });
  if (json) console.log(JSON.stringify(suites, undefined, 2));
  for (const { name, description, tasks, presets } of json ? [] : suites) {
    console.log(`${name}  ${description}\n  tasks    ${tasks.join(", ")}`);
    for (const [preset, about] of Object.entries(presets)) console.log(`  --preset ${preset}: ${about.description}`);
  }
  return 0;
}
