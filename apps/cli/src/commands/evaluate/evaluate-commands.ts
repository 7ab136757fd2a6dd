import { choice, flag, list, optionSchema, type OptionValues, repeated, several, share, text, wholeNumber } from "@elastic-attention/core";
import { decodeOption } from "../../options/generation-options.js";
import { modelOptions } from "../../options/model-options.js";
import { routingOptions } from "../../options/routing-options.js";
import { sharedOptions } from "../../options/shared-options.js";
import { defineCommand } from "../../program/command-definition.js";

const count = wholeNumber({ minimum: 1 });
const open = { type: flag, description: "open the report in the browser" } as const;

const evaluateOptions = optionSchema({
  mode: {
    type: text("modes between commas"),
    placeholder: "list",
    description: "modes to compare: full, fa-ssa, fa-xa, xa-ssa, xattention, streaming, static:0.7, random:0.7, list:FILE, fa-pages:budget=1/8 and others with settings, or one that --load brings",
    default: "full,fa-ssa",
  },
  sparsity: { ...routingOptions.sparsity, description: "target share of sparse heads of the routed modes" },
  sweep: { type: list(share), placeholder: "shares", description: "further positions of the sparsity dial, for the retained-score curve: 0,0.25,0.5,0.75,1" },
  sweepLimit: { type: count, placeholder: "n", description: "samples of each task and length that the sweep runs on", otherwise: "all", needs: ["sweep"] },
  router: routingOptions.router,
  heads: routingOptions.heads,
  tasks: { type: list(text()), placeholder: "list", description: "names of tasks, between commas", otherwise: "all of the suite" },
  lengths: { type: several(count), placeholder: "n", description: "target lengths in tokens", otherwise: "the suite's own" },
  limit: { type: count, short: "n", placeholder: "n", description: "samples of each task and length", otherwise: "the suite's own" },
  preset: { type: text(), placeholder: "name", description: "tasks, lengths and samples that a suite names: see --list" },
  seed: { type: wholeNumber(), placeholder: "n", description: "of prompts and random heads", default: 42 },
  data: { type: text("a folder, or hub"), placeholder: "where", description: "folder with official data files; hub: fetched from the Hugging Face hub (a folder of that name is ./hub)" },
  dataRevision: {
    type: repeated(text()),
    placeholder: "dataset=commit",
    description: "with --data hub: the commit that a report names, for the same data again",
  },
  file: { type: repeated(text()), placeholder: "role=path", description: "single data file: haystack=essays.txt" },
  chat: { type: choice("auto", "template", "none"), placeholder: "format", description: "how prompts become conversations", default: "auto" },
  cot: { type: flag, description: "LongBench-v2 with chain of thought" },
  decode: decodeOption,
  out: { type: text("a folder"), placeholder: "dir", description: "folder for records, summary and report", otherwise: "evaluation-SUITE" },
  resume: { type: flag, description: "resume the run in that folder" },
  batch: { type: count, placeholder: "n", description: "samples whose answers are decoded together", otherwise: "20" },
  strict: { type: flag, description: "refuse prompts longer than the model's context instead of cutting out their middle" },
  open,
  list: { type: flag, description: "show suites, tasks and presets" },
  ...modelOptions,
});

const compareOptions = optionSchema({
  out: { type: text("a file"), placeholder: "file", description: "page to write", default: "comparison.html" },
  open: { ...open, description: "open the page in the browser" },
  ...sharedOptions,
});

const reportOptions = optionSchema({ open, ...sharedOptions });

export type EvaluateOptions = OptionValues<typeof evaluateOptions>;
export type CompareOptions = OptionValues<typeof compareOptions>;
export type ReportOptions = OptionValues<typeof reportOptions>;

/** The commands that measure how good answers are. */
export const evaluateCommands = [
  defineCommand({
    syntax: "eval [suites...]",
    description: "benchmarks under several modes on the same prompts, with a report; `all` runs every suite whose data is available",
    options: evaluateOptions,
    notes: `The demo model on every suite that needs no data, with the curve of retained scores, in a few minutes:
  elastic-attention eval all --preset small --limit 2 --sweep 0.25,0.5,0.75,1 --sweep-limit 1 --open
What modes give against what a decoded token reads, questions of a second turn among them:
  elastic-attention eval frontier --preset small --limit 2 --sparsity 0.75 --mode full,fa-ssa,fa-snap,fa-pages:budget=1/8
A checkpoint of your own, with the official data from the Hugging Face hub (or from a folder: --data DIR):
  elastic-attention eval longbench-e ruler --model DIR --preset paper --data hub --mode full,fa-ssa,fa-xa,xa-ssa --open`,
    load: async () => (await import("./evaluate.js")).evaluate,
    commands: [
      defineCommand({
        syntax: "compare <runs...>",
        description: "compare runs (folders written by eval)",
        options: compareOptions,
        load: async () => (await import("./compare.js")).compare,
      }),
      defineCommand({
        syntax: "report <run>",
        description: "write summary and report of a run again, also of one that was stopped",
        options: reportOptions,
        load: async () => (await import("./report.js")).report,
      }),
    ],
  }),
];
