import { percentText } from "../figures.js";
import { element } from "../markup.js";
import type { SuiteReport } from "../run-summary.js";
import { type ChartSeries, lineChart } from "../svg/line-chart.js";
import { variantColour } from "../variant-colour.js";

/** The paper's Figure 2 and Table 5: how much of full attention's score is left as the dial turns. */
export function retainedCurve(suite: SuiteReport): string {
  const { retained, results } = suite;
  if (retained.length === 0) return "";
  const modes = Array.from(new Set(retained.map(({ mode }) => mode)));
  const lines = modes.map((mode): ChartSeries => {
    const points = retained.filter((point) => point.mode === mode).sort((a, b) => a.modelSparsity - b.modelSparsity);
    return {
      name: `${mode} dial`,
      colour: variantColour(suite, mode),
      points: points.map(({ modelSparsity, retained: share, score, samples }) => ({
        x: modelSparsity,
        y: 100 * share,
        text: (100 * share).toFixed(1),
        title: `MSR ${modelSparsity.toFixed(2)}: score ${(100 * score).toFixed(2)}, ${percentText(share)} of full attention's, ${samples} samples`,
      })),
    };
  });
  const full = results.find(({ variant }) => variant === "full")?.score.average;
  const others = full === undefined || full === 0 ? [] : results.filter(({ variant }) => variant !== "full" && !modes.includes(variant));
  const loose = others.map(
    ({ variant, score, modelSparsity }): ChartSeries => ({
      name: variant,
      colour: variantColour(suite, variant),
      loose: true,
      points: [{ x: modelSparsity.average, y: (100 * score.average) / full!, text: variant, title: `${variant}: MSR ${modelSparsity.average.toFixed(2)}, ${percentText(score.average / full!)} of full attention's score` }],
    }),
  );
  const { samples } = retained[0]!;
  return element(
    "section",
    { class: "block" },
    element("h3", {}, "Score retained as heads turn sparse"),
    element("p", { class: "note" }, `Share of full attention’s score on the same ${samples} samples, by share of sparse heads.`),
    lineChart({
      title: "Score retained by model sparsity",
      series: [...lines, ...loose],
      xLabel: "share of sparse heads (MSR)",
      yLabel: "score retained",
      yUnit: " %",
      xTicks: [0, 0.25, 0.5, 0.75, 1].map((value) => ({ value, text: value.toFixed(2) })),
      level: { value: 100, text: "full" },
    }),
  );
}
