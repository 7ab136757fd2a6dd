import { countText } from "../figures.js";
import { element } from "../markup.js";
import type { SuiteReport } from "../run-summary.js";
import { lineChart } from "../svg/line-chart.js";
import { variantColour } from "../variant-colour.js";

/** Nats per token as the context grows: a line for each mode, positions on a logarithmic scale. */
export function positionCurves(suite: SuiteReport): string {
  const { positions } = suite;
  if (positions.every(({ ranges }) => ranges.length < 2)) return "";
  const place = (end: number) => Math.log2(Math.max(1, end));
  const ends = Array.from(new Set(positions.flatMap(({ ranges }) => ranges.map(({ end }) => end)))).sort((a, b) => a - b);
  const every = Math.max(1, Math.ceil(ends.length / 7));
  return element(
    "section",
    { class: "block" },
    element("h3", {}, "Loss by position"),
    element("p", { class: "note" }, "Nats per token up to each position; lower is better, and its exponential is the perplexity."),
    lineChart({
      title: "Nats per token by position",
      series: positions.map(({ variant, ranges }) => ({
        name: variant,
        colour: variantColour(suite, variant),
        points: ranges.map(({ start, end, score, tokens }) => ({
          x: place(end),
          y: score,
          title: `${variant}, positions ${countText(start)} to ${countText(end)}: ${score.toFixed(4)} nats, perplexity ${Math.exp(score).toFixed(2)}, ${countText(tokens)} tokens`,
        })),
      })),
      xLabel: "position in tokens",
      yLabel: "nats per token",
      xTicks: ends.filter((_, index) => (ends.length - 1 - index) % every === 0).map((end) => ({ value: place(end), text: countText(end) })),
    }),
  );
}
