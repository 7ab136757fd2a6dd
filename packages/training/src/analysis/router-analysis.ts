import type { RouterPooling } from "@elastic-attention/router";
import { type PretrainedModel, routedLayers } from "@elastic-attention/transformer";
import type { TrainingExample } from "../data/training-example.js";
import { escapeXml } from "../report/line-chart-svg.js";
import type { RouterParameters } from "../routers/router-parameters.js";
import { RecordingRouter, type RoutedLayer } from "./recording-router.js";
import { taskSimilarity } from "./task-similarity.js";

/** How routers tell tasks apart, and which heads they send where. */
export interface RouterAnalysis {
  readonly tasks: readonly string[];
  /** Prompts of each task. */
  readonly prompts: readonly number[];
  /** [task][task], mean over layers: similarity of the averaged keys, and of what the task MLPs make of them. */
  readonly before: readonly (readonly number[])[];
  readonly after: readonly (readonly number[])[];
  /** [task][layer with a router][kvHead]: share of prompts in which the head is sparse (Figure 6). */
  readonly sparse: readonly (readonly (readonly number[])[])[];
}

export interface RouterAnalysisOptions {
  readonly model: PretrainedModel;
  /** The routers' values on the host. */
  readonly parameters: RouterParameters;
  readonly pooling: RouterPooling;
  readonly tasks: readonly string[];
  /** Prompts without their answers are routed: up to `answerStart`. */
  readonly examples: readonly TrainingExample[];
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Routes every example and compares the tasks. */
export async function analyzeRouters({ model, parameters, pooling, tasks, examples, onProgress, signal }: RouterAnalysisOptions): Promise<RouterAnalysis> {
  const { spec, decoder } = model;
  const { numKeyValueHeads } = spec;
  const layersWithRouters = routedLayers(spec);
  const numLayers = layersWithRouters.length;
  const { retrievalMode, sparseMode } = spec.elastic!;
  const byTask = tasks.map(() => [] as RoutedLayer[][]);
  for (const [index, { tokens, answerStart, task }] of examples.entries()) {
    const router = new RecordingRouter(model.learnedRouter(retrievalMode, sparseMode)!, parameters, pooling, layersWithRouters);
    using cache = decoder.createCache({ paged: false });
    const result = await decoder.prefill({ sequences: [{ tokens: tokens.slice(0, answerStart), cache, router }], ...(signal === undefined ? {} : { signal }) });
    result.logits.dispose();
    byTask[task]!.push(router.layers);
    onProgress?.(index + 1, examples.length);
  }
  const similarity = (vectors: (routed: RoutedLayer) => readonly Float64Array[]) => {
    const layers = Array.from({ length: numLayers }, (_, layer) => taskSimilarity(byTask.map((prompts) => prompts.flatMap((routed) => vectors(routed[layer]!)))));
    return tasks.map((_, a) => tasks.map((_, b) => layers.reduce((sum, matrix) => sum + matrix[a]![b]!, 0) / numLayers));
  };
  const share = (prompts: readonly RoutedLayer[][], layer: number, head: number) => prompts.reduce((sum, routed) => sum + routed[layer]!.sparse[head]!, 0) / prompts.length;
  const grid = (prompts: readonly RoutedLayer[][]) => Array.from({ length: numLayers }, (_, layer) => Array.from({ length: numKeyValueHeads }, (_, head) => share(prompts, layer, head)));
  return {
    tasks,
    prompts: byTask.map(({ length }) => length),
    before: similarity(({ pooled }) => pooled),
    after: similarity(({ features }) => features),
    sparse: byTask.map(grid),
  };
}

const cell = 16;

/** The analysis as one picture: both similarity matrices, and a head map for each task. */
export function routerAnalysisSvg({ tasks, prompts, before, after, sparse }: RouterAnalysis, title: string): string {
  const layers = sparse[0]?.length ?? 0;
  const heads = sparse[0]?.[0]?.length ?? 0;
  const square = 34;
  const mapWidth = Math.max(120, heads * cell + 40);
  const width = Math.max(2 * (tasks.length * square + 190), tasks.length * mapWidth + 60);
  const top = 90 + tasks.length * square;
  const height = top + 70 + layers * cell;
  const matrix = (values: readonly (readonly number[])[], name: string, x: number) => [
    `<text x="${x}" y="56" font-weight="bold">${escapeXml(name)}</text>`,
    ...values.flatMap((row, a) => [
      `<text x="${x + 126}" y="${84 + a * square}" text-anchor="end">${escapeXml(tasks[a]!)}</text>`,
      ...row.map((value, b) => {
        const [left, up] = [x + 132 + b * square, 64 + a * square];
        const text = Number.isNaN(value) ? "–" : value.toFixed(2);
        return `<rect x="${left}" y="${up}" width="${square - 2}" height="${square - 2}" fill="${shade(value)}"><title>${escapeXml(`${tasks[a]!}, ${tasks[b]!}: ${text}`)}</title></rect><text x="${left + square / 2 - 1}" y="${up + 20}" text-anchor="middle" font-size="10">${text}</text>`;
      }),
    ]),
  ];
  const map = (grid: readonly (readonly number[])[], task: number) => {
    const x = 40 + task * mapWidth;
    return [
      `<text x="${x}" y="${top + 24}">${escapeXml(tasks[task]!)} (${prompts[task]!})</text>`,
      ...grid.flatMap((row, layer) =>
        row.map((value, head) => `<rect x="${x + head * cell}" y="${top + 34 + layer * cell}" width="${cell - 2}" height="${cell - 2}" fill="${shade(value)}"><title>layer ${layer}, head ${head}: sparse in ${(100 * value).toFixed(0)}%</title></rect>`),
      ),
    ];
  };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="16" y="28" font-size="15" font-weight="bold">${escapeXml(title)}</text>`,
    ...matrix(before, "Task similarity before the task MLP", 16),
    ...matrix(after, "after it", 16 + tasks.length * square + 170),
    `<text x="16" y="${top}" font-weight="bold">Share of prompts in which a head is sparse (layers down, heads across)</text>`,
    ...sparse.flatMap(map),
    "</svg>",
    "",
  ].join("\n");
}

/** White at 0 or below, full colour at 1. */
function shade(value: number): string {
  if (Number.isNaN(value)) return "#eee";
  const part = Math.max(0, Math.min(1, value));
  const mix = (full: number) => Math.round(255 - (255 - full) * part);
  return `rgb(${mix(242)},${mix(160)},${mix(60)})`;
}
