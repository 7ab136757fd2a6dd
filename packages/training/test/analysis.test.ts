import { describe, expect, test } from "vitest";
import { ablationRow, ablationTable, ablationVariants, parseTrainingConfig, routerAnalysisSvg, type StepReport, taskSimilarity } from "../src/index.js";

describe("task similarity", () => {
  test("is the cosine of the means in units of each feature's root mean square (a hand example)", () => {
    const a = [Float64Array.of(1, 0), Float64Array.of(3, 0)];
    const b = [Float64Array.of(2, 2)];
    const [first, second] = [Math.sqrt((1 + 9 + 4) / 3), Math.sqrt(4 / 3)];
    const [u, v] = [[2 / first, 0], [2 / first, 2 / second]];
    const expected = (u[0]! * v[0]!) / Math.hypot(u[0]!, u[1]!) / Math.hypot(v[0]!, v[1]!);
    const matrix = taskSimilarity([a, b], 1e-15);
    expect(matrix[0]![1]).toBeCloseTo(expected, 12);
    expect(matrix[1]![0]).toBeCloseTo(expected, 12);
    expect(matrix[0]![0]).toBeCloseTo(1, 12);
    expect(taskSimilarity([a, []])[0]![1]).toBeNaN();
  });
});

describe("the analysis picture", () => {
  test("has both matrices and a square for each head of each task", () => {
    const svg = routerAnalysisSvg(
      { tasks: ["A & B", "C"], prompts: [3, 2], before: [[1, 0.5], [0.5, 1]], after: [[1, NaN], [NaN, 1]], sparse: [[[0, 1], [0.5, 1]], [[1, 1], [1, 1]]] },
      "Routers",
    );
    expect(svg.match(/<rect/g)).toHaveLength(1 + 2 * 4 + 2 * 4);
    expect(svg).toContain("A &amp; B (3)");
    expect(svg).toContain("layer 1, head 0: sparse in 50%");
  });
});

describe("ablations", () => {
  const config = parseTrainingConfig({ output: "/out", data: { files: ["x.jsonl"] } });

  test.each([
    ["width", ["2x", "4x", "6x", "8x"], "4x"],
    ["target", ["0.4", "0.5", "0.6", "0.7"], "0.7"],
    ["pooling", ["50", "100", "200", "all"], "100"],
    ["mode", ["fa-ssa", "fa-xa", "xa-ssa"], "fa-ssa"],
  ] as const)("along %s vary one thing", (axis, names, published) => {
    const variants = ablationVariants(config, axis);
    expect(variants.map(({ name }) => name)).toEqual(names);
    expect(variants.find(({ isPublished }) => isPublished)!.name).toBe(published);
    expect(new Set(variants.map((each) => each.config.output)).size).toBe(names.length);
    const settings = variants.map((each) => JSON.stringify({ ...each.config, output: "", save: "" }));
    expect(new Set(settings).size).toBe(names.length);
  });

  test("sum up the last tenth of the steps by kind of task", () => {
    const report = (step: number): StepReport =>
      ({ languageModelLoss: step, gateLoss: 0.1, tasks: config.tasks.map((task, index) => ({ ...task, sparsity: index === 0 ? undefined : task.target - 0.1 })) }) as unknown as StepReport;
    const row = ablationRow("4x", true, config, Array.from({ length: 20 }, (_, step) => report(step)));
    expect(row.languageModelLoss).toBe(18.5);
    expect(row.sensitiveSparsity).toBeCloseTo(0.6, 12);
    expect(row.robustSparsity).toBeCloseTo(0.9, 12);
    expect(ablationTable("width", [row])).toMatch(/4x \*\s+18\.5000\s+0\.1000\s+0\.600\s+0\.900\n\* the paper's choice/);
  });
});
