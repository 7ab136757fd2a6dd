import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type StepReport, TrainingLog, trainingReportHtml, trainingReportSvg } from "../src/index.js";

const report = (step: number): StepReport => ({
  step,
  steps: 10,
  languageModelLoss: 3 - step / 10,
  gateLoss: 0.2,
  loss: 3.2 - step / 10,
  modelSparsity: 0.5,
  tasks: [
    { name: "Single QA", segments: 2, sparsity: 0.6, target: 0.7, linear: 0.3, quadratic: 0.2 },
    { name: "Code & <more>", segments: step % 2, sparsity: step % 2 === 0 ? undefined : 0.8, target: 1, linear: 0.1, quadratic: 0.2 },
  ],
  temperature: 1.2,
  learningRate: 1e-4,
  gradientNorm: 1,
  tokens: 100,
  seconds: 1,
  tokensPerSecond: 100,
  secondsLeft: 10 - step,
  skipped: 0,
});

test("the report draws the four curves of Figure 13 and stands by itself", () => {
  const svg = trainingReportSvg([1, 2, 3, 4].map(report), "A run");
  for (const title of ["Next-token loss", "Sparsity term", "MSR", "Multipliers"]) expect(svg).toContain(title);
  // One line for loss and term; task 1 has a value in every other step, so its MSR is two single points.
  expect(svg.match(/<polyline/g)).toHaveLength(1 + 1 + (1 + 2) + 2);
  expect(svg).toContain("Code &amp; &lt;more&gt;");
  const html = trainingReportHtml([1, 2, 3, 4].map(report), "A run");
  expect(html).toContain("4 of 10 steps; loss 2.6000");
  expect(html).not.toMatch(/src=|href=/);
});

test("the log drops what a resumed run makes again, and a line cut short", () => {
  const folder = mkdtempSync(join(tmpdir(), "log-"));
  try {
    const log = new TrainingLog(join(folder, "log.jsonl"));
    expect(log.read()).toEqual([]);
    for (const step of [1, 2, 3]) log.append(report(step));
    appendFileSync(log.path, '{"step": 4, "st');
    expect(log.read().map(({ step }) => step)).toEqual([1, 2, 3]);
    log.keepUntil(2);
    log.append(report(3));
    expect(log.read()).toEqual([1, 2, 3].map(report));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
