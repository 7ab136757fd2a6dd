import { element, escapeMarkup, label, short } from "../markup.js";
import { niceTicks, spread, tickDigits } from "./scale.js";

export interface ChartPoint {
  readonly x: number;
  readonly y: number;
  /** Beside the point. */
  readonly text?: string;
  /** When the pointer rests on it. */
  readonly title: string;
}

export interface ChartSeries {
  /** Written at the line's end. */
  readonly name: string;
  /** Number of the series' colour. */
  readonly colour: number;
  readonly points: readonly ChartPoint[];
  /** Points without a line between them. */
  readonly loose?: boolean;
}

export interface LineChart {
  readonly title: string;
  readonly series: readonly ChartSeries[];
  readonly xLabel: string;
  readonly yLabel: string;
  readonly xTicks: readonly { readonly value: number; readonly text: string }[];
  /** Values of y that must be in sight. */
  readonly yRange?: readonly [number, number];
  /** A level to compare with. */
  readonly level?: { readonly value: number; readonly text: string };
  readonly yUnit?: string;
}

const [width, height] = [440, 290];
const edge = { left: 50, right: 92, top: 30, bottom: 46 };

/** Lines over a common scale, each named where it ends. */
export function lineChart(chart: LineChart): string {
  const { series, xTicks, level, yUnit = "" } = chart;
  const values = [...series.flatMap(({ points }) => points.map(({ y }) => y)), ...(level === undefined ? [] : [level.value]), ...(chart.yRange ?? [])];
  const [lowest, highest] = [Math.min(...values), Math.max(...values)];
  const room = Math.max((highest - lowest) * 0.12, Math.abs(highest) * 0.01, 1e-6);
  const [low, high] = [lowest - room, highest + room];
  const xs = [...xTicks.map(({ value }) => value), ...series.flatMap(({ points }) => points.map(({ x }) => x))];
  const [first, last] = [Math.min(...xs), Math.max(...xs)];
  const x = (value: number) => edge.left + ((value - first) / Math.max(last - first, 1e-9)) * (width - edge.left - edge.right);
  const y = (value: number) => edge.top + ((high - value) / (high - low)) * (height - edge.top - edge.bottom);
  const ticks = niceTicks(low, high, 5);
  const digits = tickDigits(ticks);
  const right = width - edge.right;
  const named = series.filter(({ loose, points }) => loose !== true && points.length > 0);
  // Names at the right edge, the level's among them, without one on the other.
  const wanted = [...named.map(({ points }) => y(points.at(-1)!.y)), ...(level === undefined ? [] : [y(level.value)])];
  const ends = spread(wanted, 15, edge.top, height - edge.bottom);
  return element(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": chart.title },
    ...ticks.map((tick) => gridLine(y(tick), right) + label(edge.left - 8, y(tick) + 4, `${tick.toFixed(digits)}${yUnit}`, { "text-anchor": "end", class: "tick" })),
    ...xTicks.map(({ value, text }) => label(x(value), height - edge.bottom + 18, text, { "text-anchor": "middle", class: "tick" })),
    label((edge.left + right) / 2, height - 8, chart.xLabel, { "text-anchor": "middle", class: "axis" }),
    label(0, 11, chart.yLabel, { class: "axis" }),
    level === undefined ? "" : levelLine(y(level.value), right) + label(right + 10, ends.at(-1)! + 4, level.text, { class: "name muted" }),
    ...series.map((each) => drawSeries(each, x, y)),
    ...named.map(({ name, colour }, index) => label(right + 10, ends[index]! + 4, name, { class: `name ink-${colour}` })),
  );
}

function gridLine(y: number, right: number): string {
  return element("line", { x1: edge.left, x2: right, y1: short(y), y2: short(y), class: "grid" });
}

function levelLine(y: number, right: number): string {
  return element("line", { x1: edge.left, x2: right, y1: short(y), y2: short(y), class: "level" });
}

/** Above a point of a line; left of a loose one, whose words are longer. */
function pointLabel(x: number, y: number, text: string, loose: boolean): string {
  return loose ? label(x - 9, y + 4, text, { "text-anchor": "end", class: "value" }) : label(x, y - 10, text, { "text-anchor": "middle", class: "value" });
}

function drawSeries({ points, colour, loose }: ChartSeries, x: (value: number) => number, y: (value: number) => number): string {
  const path = points.map((point, index) => `${index === 0 ? "M" : "L"}${short(x(point.x))} ${short(y(point.y))}`).join("");
  return [
    loose === true ? "" : element("path", { d: path, class: `line stroke-${colour}` }),
    ...points.map((point) =>
      element(
        "g",
        {},
        element("circle", { cx: short(x(point.x)), cy: short(y(point.y)), r: loose === true ? 5 : 4, class: `dot fill-${colour}` }, `<title>${escapeMarkup(point.title)}</title>`),
        point.text === undefined ? "" : pointLabel(x(point.x), y(point.y), point.text, loose === true),
      ),
    ),
  ].join("");
}
