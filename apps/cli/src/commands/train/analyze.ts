import { writeFileSync } from "node:fs";
import { ReferenceBackend } from "@elastic-attention/tensor";
import {
  analyzeRouters, readExamples, readTrainingConfig, type RouterAnalysis, routerAnalysisSvg, RouterParameters, trainingFiles,
} from "@elastic-attention/training";
import { loadRouterFile, PretrainedModel } from "@elastic-attention/transformer";
import type { CommandFunction } from "../../program/command-definition.js";
import registerPackages from "../../program/register-packages.js";
import { Progress } from "../../terminal/progress.js";
import { percent } from "../../report/routing-report-text.js";
import type { AnalyzeOptions } from "./train-commands.js";
import { trainingBackend, trainingModelPath } from "./training-model.js";

/** `analyze`: how trained routers tell tasks apart (equations 15 and 16) and which heads they send where (Figure 6). */
export const analyze: CommandFunction<AnalyzeOptions> = async ({ options, signal }) => {
  registerPackages();
  const config = readTrainingConfig(options.config);
  const routers = options.router ?? trainingFiles(config.output).routers;
  const path = await trainingModelPath(config, signal);
  using backend = await trainingBackend(config);
  using model = await PretrainedModel.open({ path, backend, routers, signal });
  using host = new ReferenceBackend();
  const { layers, elastic } = loadRouterFile(routers, model.adapter!, model.spec, host);
  const parameters = RouterParameters.fromWeights(layers);
  for (const layer of layers) layer[Symbol.dispose]();
  const examples = await readExamples(config, { directory: path, spec: model.spec }, options.prompts);
  using progress = new Progress("Routing prompts");
  const analysis = await analyzeRouters({
    model,
    parameters,
    pooling: elastic?.pooling ?? { kind: "boundary", tokens: 100 },
    tasks: config.tasks.map(({ name }) => name),
    examples,
    onProgress: (done, total) => progress.update(done, total),
    signal,
  });
  progress[Symbol.dispose]();
  const svg = options.svg ?? `${config.output}/analysis.svg`;
  writeFileSync(svg, routerAnalysisSvg(analysis, `Routers of ${config.output.split("/").at(-1)}`));
  console.log(options.json ? JSON.stringify(analysis, undefined, 2) : `${analysisText(analysis)}\nWrote ${svg}`);
  return 0;
};

function analysisText({ tasks, prompts, before, after, sparse }: RouterAnalysis): string {
  const table = (values: readonly (readonly number[])[]) =>
    values.map((row, task) => `  ${tasks[task]!.padEnd(20)} ${row.map((value) => (Number.isNaN(value) ? "–" : value.toFixed(2)).padStart(6)).join("")}`).join("\n");
  const shares = sparse.map((grid, task) => {
    const all = grid.flat();
    return `  ${tasks[task]!.padEnd(20)} ${String(prompts[task]).padStart(4)} prompts, ${percent(all.reduce((a, b) => a + b, 0) / all.length)} of heads sparse (MSR)`;
  });
  return ["Task similarity before the task MLP (mean over layers):", table(before), "and after it:", table(after), "Sparse heads:", ...shares].join("\n");
}
