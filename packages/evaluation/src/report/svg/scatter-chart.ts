import { element, escapeMarkup, label, short } from "../markup.js";
import { niceTicks, spread, tickDigits } from "./scale.js";

export interface ScatterPoint {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  /** Range of y that is drawn as a bar. */
  readonly range?: readonly [low: number, high: number];
  /** Number of the point's colour. */
  readonly colour: number;
  /** Whether the line of the best points goes through it. */
  readonly isBest: boolean;
  /** When the pointer rests on it. */
  readonly title: string;
}

export interface ScatterChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly points: readonly ScatterPoint[];
}

const [width, height] = [720, 380];
const edge = { left: 52, right: 270, top: 30, bottom: 48 };

/** Points with ranges, named at the right, and a line through the best of them. Both scales begin at 0. */
export function scatterChart({ title, xLabel, yLabel, points }: ScatterChart): string {
  const most = (values: readonly number[]) => Math.max(1e-9, ...values) * 1.05;
  const [right, top] = [most(points.map(({ x }) => x)), most(points.flatMap(({ y, range }) => [y, range?.[1] ?? y]))];
  const x = (value: number) => edge.left + (value / right) * (width - edge.left - edge.right);
  const y = (value: number) => edge.top + (1 - Math.max(0, value) / top) * (height - edge.top - edge.bottom);
  const [xTicks, yTicks] = [niceTicks(0, right, 5), niceTicks(0, top, 5)];
  const best = points.filter(({ isBest }) => isBest).toSorted((a, b) => a.x - b.x);
  const ends = spread(points.map((point) => y(point.y)), 14, edge.top, height - edge.bottom);
  const plotEnd = width - edge.right;
  return element(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": title },
    ...yTicks.map(
      (tick) =>
        element("line", { x1: edge.left, x2: plotEnd, y1: short(y(tick)), y2: short(y(tick)), class: "grid" }) +
        label(edge.left - 8, y(tick) + 4, tick.toFixed(tickDigits(yTicks)), { "text-anchor": "end", class: "tick" }),
    ),
    ...xTicks.map((tick) => label(x(tick), height - edge.bottom + 18, tick.toFixed(tickDigits(xTicks)), { "text-anchor": "middle", class: "tick" })),
    label((edge.left + plotEnd) / 2, height - 8, xLabel, { "text-anchor": "middle", class: "axis" }),
    label(0, 11, yLabel, { class: "axis" }),
    best.length < 2 ? "" : element("path", { d: best.map((point, index) => `${index === 0 ? "M" : "L"}${short(x(point.x))} ${short(y(point.y))}`).join(""), class: "line stroke-0" }),
    ...points.map((point) => {
      const bar = point.range === undefined ? "" : element("line", { x1: short(x(point.x)), x2: short(x(point.x)), y1: short(y(point.range[0])), y2: short(y(point.range[1])), class: `line stroke-${point.colour}` });
      return element("g", {}, bar, element("circle", { cx: short(x(point.x)), cy: short(y(point.y)), r: 5, class: `dot fill-${point.colour}` }, `<title>${escapeMarkup(point.title)}</title>`));
    }),
    ...points.map(
      (point, index) =>
        element("line", { x1: short(x(point.x) + 6), y1: short(y(point.y)), x2: plotEnd + 6, y2: short(ends[index]!), class: "grid" }) +
        label(plotEnd + 10, ends[index]! + 4, point.name, { class: `name ink-${point.colour}` }),
    ),
  );
}
