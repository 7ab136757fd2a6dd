import { parseArgs } from "node:util";

/** What every benchmark is told; one that has no use for a setting ignores it. */
export interface BenchmarkOptions {
  /** Name of the backend that "ours" runs on. */
  readonly backend: string;
  /** Threads of both sides. */
  readonly threads: number;
  /** Rounds of alternation; undefined: each benchmark's own choice. */
  readonly rounds: number | undefined;
  /** Sizes that take seconds, to try the harness itself; its figures mean nothing and have no targets. */
  readonly tiny: boolean;
  /** Whether peers are measured too. */
  readonly peers: boolean;
  /** Names of model shapes; undefined: each benchmark's own. */
  readonly shapes: readonly string[] | undefined;
  /** Prompt or cache lengths in tokens; undefined: each benchmark's own. */
  readonly tokens: readonly number[] | undefined;
  /** Weight types of the llama.cpp peer; undefined: each benchmark's own. */
  readonly types: readonly string[] | undefined;
  /** Pairs of modes with a share of sparse heads, as in fa-ssa:0.70; undefined: each benchmark's own. */
  readonly modes?: readonly string[] | undefined;
  /** Cache lengths of decode steps; undefined: each benchmark's own. */
  readonly caches?: readonly number[] | undefined;
  /** Sequences that decode together; undefined: each benchmark's own. */
  readonly batches?: readonly number[] | undefined;
  /** Milliseconds that a prefill may take between two tokens of running answers; infinite: none; undefined: each benchmark's own. */
  readonly budgets?: readonly number[] | undefined;
  /** How long a soak takes; undefined: the benchmark's own. */
  readonly minutes?: number | undefined;
  /** Layers of the shape that are built, for ratios in less time; undefined: all. */
  readonly layers?: number | undefined;
  /** JSON that a peer program of `peers/` wrote; undefined: no peer. */
  readonly peerFile?: string | undefined;
  /** Whether to measure parts by themselves too: products, phases. */
  readonly detail?: boolean;
  /** GPUs that share a model, for cards; undefined: one. */
  readonly gpus?: number | undefined;
  /** GGUF file that is measured; undefined: random weights. */
  readonly model?: string | undefined;
  /** Level of the processor that both sides are held to, as `doctor` names it; undefined: the best. */
  readonly level?: string | undefined;
  /** XAttention's threshold; undefined: the published one. */
  readonly threshold?: number | undefined;
}

export interface CommandLine {
  readonly name: string | undefined;
  readonly json: boolean;
  /** File that the JSON document is written to as well. */
  readonly output: string | undefined;
  readonly options: BenchmarkOptions;
}

/** What the command line looks like, for people. */
export const usage = `Usage: pnpm bench NAME|all [options]
  --backend NAME     cpu (default), cuda or reference
  --threads N        threads of both sides, default 2
  --rounds N         rounds of alternation between the sides
  --shape A,B        model shapes: small, 1b; for large: llama-3.1-8b, qwen3-4b, qwen3-8b; for ruler: folders with a
                     tokenizer
  --tokens A,B       prompt or cache lengths
  --modes A,B        full, fa-ssa:0.70, fa-xa:0.75, xa-ssa:0.75: modes with their share of sparse heads, which a list
                     names; fa-ssa:0.70:learned: which a learned router with random weights chooses under
                     the dial; fa-ssa:1:router: all, as such a router decides by itself
  --cache A,B        cache lengths of decode steps; 0 for none
  --batch A,B        sequences that decode together
  --budget A,B       milliseconds between two tokens while a prompt is read, or none
  --layers N         layers of the shape, for ratios in less time
  --gpus N           for cards: GPUs that share the model
  --peer-file FILE   what a program of peers/ has measured
  --model FILE       for cpu: the GGUF file that both sides load
  --level LEVEL      for cpu: level of the processor that both sides are held to
  --detail           products and phases of a prefill by themselves too
  --threshold T      of XAttention, 0 to 1
  --minutes N        for server-soak: how long it takes
  --types A,B        weight types of the llama.cpp peer: bf16, f16, q8_0, q4_k
  --no-peers         ours alone
  --tiny             seconds instead of minutes, to try the harness; the figures mean nothing
  --json             one JSON document on standard output instead of tables
  --output FILE      that JSON document to a file, beside the tables`;

/** @throws TypeError or RangeError with a message for people, for an unknown option or a value that is no number. */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { values, positionals } = parseArgs({
    args: args.filter((argument) => argument !== "--"),
    allowPositionals: true,
    options: {
      backend: { type: "string", default: "cpu" },
      threads: { type: "string", default: "2" },
      rounds: { type: "string" },
      shape: { type: "string" },
      tokens: { type: "string" },
      types: { type: "string" },
      modes: { type: "string" },
      cache: { type: "string" },
      batch: { type: "string" },
      budget: { type: "string" },
      layers: { type: "string" },
      gpus: { type: "string" },
      "peer-file": { type: "string" },
      model: { type: "string" },
      level: { type: "string" },
      threshold: { type: "string" },
      minutes: { type: "string" },
      detail: { type: "boolean", default: false },
      "no-peers": { type: "boolean", default: false },
      tiny: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      output: { type: "string" },
    },
  });
  if (positionals.length > 1) throw new TypeError(`One benchmark at a time, found: ${positionals.join(", ")}.`);
  return {
    name: positionals[0],
    json: values.json,
    output: values.output,
    options: {
      backend: values.backend,
      threads: count("--threads", values.threads),
      rounds: values.rounds === undefined ? undefined : count("--rounds", values.rounds),
      tiny: values.tiny,
      peers: !values["no-peers"],
      shapes: list(values.shape),
      tokens: list(values.tokens)?.map((value) => count("--tokens", value)),
      types: list(values.types),
      modes: list(values.modes),
      caches: list(values.cache)?.filter((value) => value !== "0").map((value) => count("--cache", value)),
      batches: list(values.batch)?.map((value) => count("--batch", value)),
      budgets: list(values.budget)?.map((value) => (value === "none" ? Infinity : count("--budget", value))),
      layers: values.layers === undefined ? undefined : count("--layers", values.layers),
      gpus: values.gpus === undefined ? undefined : count("--gpus", values.gpus),
      detail: values.detail,
      peerFile: values["peer-file"],
      model: values.model,
      level: values.level,
      threshold: values.threshold === undefined ? undefined : Number(values.threshold),
      minutes: values.minutes === undefined ? undefined : count("--minutes", values.minutes),
    },
  };
}

function list(value: string | undefined): string[] | undefined {
  return value?.split(",").filter((item) => item !== "");
}

function count(option: string, value: string): number {
  const number = Number(value);
  if (!(Number.isSafeInteger(number) && number > 0)) {
    throw new RangeError(`${option} takes whole numbers above 0, found "${value}".`);
  }
  return number;
}
