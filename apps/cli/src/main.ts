#!/usr/bin/env node
// The command line. Nothing heavy is imported before a command runs: `--version` and `--help` answer at once.
import { createRequire } from "node:module";
import { Command } from "commander";
import { choice, collected, count, counts, positive, share, shares, words } from "./argument-types.js";
import { runCommand } from "./run-command.js";

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

const program = new Command("elastic-attention")
  .description("Run long-context language models whose attention heads turn sparse as the input allows.")
  .version(version)
  // Options behind `eval compare` are its own, not `eval`'s.
  .enablePositionalOptions()
  .showHelpAfterError("(add --help for the options)")
  .addHelpText("after", "\nThe demo model answers when --model is left out. Every command takes --help.");

/** Options of every command that loads a model. */
function modelOptions(command: Command): Command {
  return command
    .option("-m, --model <name>", "folder, .safetensors or .gguf file, or owner/name[@revision][:quantisation] of the Hugging Face hub (default: the demo model)")
    .option("--backend <name>", "cpu, cuda or reference", "cpu")
    .option("--dtype <type>", "f32 or bf16 (default: as the checkpoint)", choice("f32", "bf16"))
    .option("--threads <n>", "threads of the cpu backend (default: all cores)", count)
    .option("--json", "one JSON document on standard output");
}

/** Options of every command that routes heads. */
function routingOptions(command: Command): Command {
  return command
    .option("--mode <mode>", "fa-ssa, fa-xa, xa-ssa or full (default: the model's own)", choice("fa-ssa", "fa-xa", "xa-ssa", "full"))
    .option("--sparsity <share>", "target share of sparse heads, 0 to 1 (default: as the router decides)", share)
    .option("--router <file>", "routers that `train` wrote, instead of the model's own (default: routers.safetensors in its folder)")
    .option("--heads <file>", "static head list; it decides also where the model has learned routers");
}

/** Options of every command that writes text. */
function generationOptions(command: Command): Command {
  return command
    .option("-n, --max-new-tokens <n>", "longest answer", count)
    .option("--decode <policy>", "routed: sparse heads drop their keys and values; full: they keep them", choice("routed", "full"), "routed")
    .option("--temperature <t>", "0 is greedy", positive, 0)
    .option("--top-k <k>", "keep the k most likely tokens", count)
    .option("--top-p <p>", "keep the most likely tokens up to this probability", share)
    .option("--min-p <p>", "drop tokens below this share of the most likely one", share)
    .option("--repetition-penalty <p>", "1 is off", positive)
    .option("--seed <n>", "same seed, same text", count)
    .option("--stop <text>", "text that ends the answer; repeat it for several", collected);
}

generationOptions(routingOptions(modelOptions(program.command("run [prompt]"))))
  .description("answer a prompt, and report what sparsity saved; the prompt comes from the argument, files or standard input")
  .option("-f, --file <path>", "document put before the prompt; repeat it for several", collected)
  .option("--raw", "no chat template")
  .action(runCommand(async () => (await import("./commands/run.js")).run));

generationOptions(routingOptions(modelOptions(program.command("chat"))))
  .description("talk with a model; /exit ends")
  .option("--system <text>", "system message")
  .option("--reroute", "read the whole conversation again in every turn, with new routing")
  .action(runCommand(async () => (await import("./commands/chat.js")).chat));

generationOptions(routingOptions(modelOptions(program.command("demo"))))
  .description("hide a sentence in a long book, ask for it, and compare sparse with full attention")
  .option("--tokens <n>", "about how long the document is", count, 7600)
  .action(runCommand(async () => (await import("./commands/demo.js")).demo));

routingOptions(modelOptions(program.command("inspect [prompt]")))
  .description("show a checkpoint, its router and memory; with a prompt also where its heads are routed")
  .option("-f, --file <path>", "document put before the prompt; repeat it for several", collected)
  .option("--raw", "no chat template")
  .option("--tokens <n>", "prompt length that memory is predicted for", count, 8192)
  .option("--memory", "what a prompt of that length needs, part by part, at --sparsity")
  .option("--svg <file>", "write the head map of the prompt as a picture")
  .action(runCommand(async () => (await import("./commands/inspect.js")).inspect));

routingOptions(modelOptions(program.command("forward <model>")))
  .description("raw numerics of one prompt: logits, routing and router logits as safetensors")
  .requiredOption("--ids <file>", "safetensors file with the tensor input_ids")
  .option("--last <n>", "rows of logits, counted from the end", count, 1)
  .requiredOption("--out <file>", "safetensors file to write")
  .option("--tie-rule <rule>", "bfloat16 rounds the router as the published bf16 model does", choice("float32", "bfloat16"), "float32")
  .action(runCommand(async () => (await import("./commands/forward.js")).forward));

routingOptions(modelOptions(program.command("bench")))
  .description("time prefill and decode of a model, sparse against full")
  .option("--tokens <n...>", "prompt lengths", counts)
  .option("--new-tokens <n>", "decode steps", count, 32)
  .option("--rounds <n>", "repetitions; the best counts", count, 3)
  .action(runCommand(async () => (await import("./commands/bench.js")).bench));

modelOptions(program.command("heads"))
  .description("find retrieval heads with needle prompts and write a head list (paper, appendix C)")
  .option("--random", "heads at random instead: what any choice must beat")
  .requiredOption("--out <file>", "where the list goes; heads.json in the model's folder is found by itself")
  .option("--haystack <file>", "text that needles are hidden in (default: Moby-Dick)")
  .option("--tokens <n...>", "prompt lengths", counts)
  .option("--samples <n>", "prompts of each length", count, 8)
  .option("--sparsity <share>", "default share of sparse heads written into the list", share, 0.5)
  .option("--seed <n>", "of the needles and their places", count, 1)
  .action(runCommand(async () => (await import("./commands/heads.js")).heads));

const evaluation = modelOptions(program.command("eval [suites...]"))
  .description("benchmarks under several modes on the same prompts, with a report; `all` takes every suite whose data are at hand")
  .option("--mode <list>", "modes to compare: full, fa-ssa, fa-xa, xa-ssa, xattention, streaming, static:0.7, random:0.7, list:FILE", "full,fa-ssa")
  .option("--sparsity <share>", "target share of sparse heads of fa-ssa, fa-xa and xa-ssa (default: as the router decides)", share)
  .option("--sweep <shares>", "further positions of the sparsity dial, for the retained-score curve: 0,0.25,0.5,0.75,1", shares)
  .option("--sweep-limit <n>", "samples of each task and length that the sweep runs on (default: all)", count)
  .option("--heads <file>", "static head list; it decides also where the model has learned routers")
  .option("--tasks <list>", "names of tasks, between commas (default: all of the suite)", words)
  .option("--lengths <n...>", "target lengths in tokens (default: the suite's own)", counts)
  .option("-n, --limit <n>", "samples of each task and length (default: the suite's own)", count)
  .option("--preset <name>", "tasks, lengths and samples that a suite names: see --list")
  .option("--seed <n>", "of prompts and random heads", count, 42)
  .option("--data <where>", "folder with official data files; hub: fetched from the Hugging Face hub (a folder of that name is ./hub)")
  .option("--data-revision <dataset=commit>", "with --data hub: the commit that a report names, for the same data again; repeat the option for several", collected)
  .option("--file <role=path>", "single data file: haystack=essays.txt; repeat the option for several", collected)
  .option("--chat <format>", "auto, template or none", choice("auto", "template", "none"), "auto")
  .option("--cot", "LongBench-v2 with chain of thought")
  .option("--decode <policy>", "routed: sparse heads drop their keys and values; full: they keep them", choice("routed", "full"), "routed")
  .option("--out <dir>", "folder for records, summary and report (default: evaluation-SUITE)")
  .option("--resume", "go on with the run in that folder")
  .option("--batch <n>", "samples whose answers are decoded together (default: 20)", count)
  .option("--strict", "refuse prompts longer than the model's context instead of cutting out their middle")
  .option("--open", "open the report in the browser")
  .option("--list", "show suites, tasks and presets")
  .addHelpText(
    "after",
    `
The demo model on every suite that needs no data, with the curve of retained scores, in a few minutes:
  elastic-attention eval all --preset small --limit 2 --sweep 0.25,0.5,0.75,1 --sweep-limit 1 --open
A checkpoint of your own, with the official data from the Hugging Face hub (or from a folder: --data DIR):
  elastic-attention eval longbench-e ruler --model DIR --preset paper --data hub --mode full,fa-ssa,fa-xa,xa-ssa --open`,
  )
  .enablePositionalOptions()
  .action(runCommand(async () => (await import("./commands/eval.js")).evaluate));

evaluation
  .command("compare <runs...>")
  .description("lay runs side by side: folders that eval wrote")
  .option("--out <file>", "page to write", "comparison.html")
  .option("--json", "one JSON document on standard output")
  .option("--open", "open the page in the browser")
  .action(runCommand(async () => (await import("./commands/eval-compare.js")).compare));

evaluation
  .command("report <run>")
  .description("write summary and report of a run again, also of one that was stopped")
  .option("--json", "one JSON document on standard output")
  .option("--open", "open the report in the browser")
  .action(runCommand(async () => (await import("./commands/eval-report.js")).report));

program
  .command("train")
  .description("train the routers of a frozen model (paper, sections 3 and 4)")
  .requiredOption("--config <file>", "JSON; the training package ships its schema and an example")
  .option("--resume", "resume from the checkpoint in the output folder")
  .option("--overwrite", "begin anew where the output folder holds a run")
  .option("--baseline <name>", "train static heads instead, on the same data: prulong or duo-attention", choice("prulong", "duo-attention"))
  .option("--sparsity <share>", "share of sparse heads of a baseline", share, 0.7)
  .option("--json", "one JSON document on standard output at the end")
  .action(runCommand(async () => (await import("./commands/train.js")).train));

program
  .command("ablate")
  .description("train routers along one axis of choices and print the table")
  .requiredOption("--config <file>", "as for train")
  .requiredOption("--axis <axis>", "width, target, pooling or mode", choice("width", "target", "pooling", "mode"))
  .option("--overwrite", "begin anew where the output folder holds such runs")
  .option("--json", "one JSON document on standard output")
  .action(runCommand(async () => (await import("./commands/ablate.js")).ablate));

program
  .command("analyze")
  .description("how trained routers tell tasks apart, and which heads they send where")
  .requiredOption("--config <file>", "the configuration that they were trained with; its data are the prompts")
  .option("--router <file>", "default: those in the configuration's output folder")
  .option("--prompts <n>", "prompts of each task", count, 8)
  .option("--svg <file>", "default: analysis.svg in the output folder")
  .option("--json", "one JSON document on standard output")
  .action(runCommand(async () => (await import("./commands/analyze.js")).analyze));

program
  .command("pull <model>")
  .description("fetch a model of the Hugging Face hub into the cache: owner/name[@revision][:file or quantisation]")
  .option("--json", "one JSON document on standard output")
  .action(runCommand(async () => (await import("./models/pull.js")).pull));

program
  .command("list")
  .description("show the models in the cache: revision, size, last use, format, and whether each is complete")
  .option("--json", "one JSON document on standard output")
  .action(runCommand(async () => (await import("./models/list.js")).list));

program
  .command("remove <model>")
  .description("remove a model, one revision or one quantisation of it from the cache")
  .option("--json", "one JSON document on standard output")
  .action(runCommand(async () => (await import("./models/remove.js")).remove));

program
  .command("doctor")
  .description("what was found here, what is missing, and what to do")
  .option("--json", "one JSON document on standard output")
  .action(runCommand(async () => (await import("./commands/doctor.js")).doctor));

program.configureOutput({ outputError: (text, write) => write(text) });
await program.parseAsync();
