/** One line of a chart; points without a value break it. */
export interface ChartSeries {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number | undefined }[];
}

export interface LineChart {
  readonly title: string;
  readonly xLabel: string;
  readonly series: readonly ChartSeries[];
}

const colours = ["#1f4e8c", "#c8553d", "#5a9367", "#8e6c8a", "#d99a1c", "#3b8ea5", "#6b705c"];
const [width, height] = [520, 320];
const plot = { left: 56, right: 16, top: 34, bottom: 44 } as const;

/** A line chart as an SVG group of 520 × 320, drawn at (x, y). */
export function lineChartSvg({ title, xLabel, series }: LineChart, x = 0, y = 0): string {
  const values = series.flatMap(({ points }) => points.flatMap((point) => (point.y === undefined ? [] : [{ x: point.x, y: point.y }])));
  const [xs, ys] = [axis(values.map((point) => point.x)), axis(values.map((point) => point.y))];
  const [innerWidth, innerHeight] = [width - plot.left - plot.right, height - plot.top - plot.bottom];
  const atX = (value: number) => plot.left + ((value - xs.low) / (xs.high - xs.low)) * innerWidth;
  const atY = (value: number) => plot.top + (1 - (value - ys.low) / (ys.high - ys.low)) * innerHeight;
  const grid = ys.ticks.flatMap((tick) => [
    `<line x1="${plot.left}" x2="${width - plot.right}" y1="${round(atY(tick))}" y2="${round(atY(tick))}" stroke="#ddd"/>`,
    `<text x="${plot.left - 6}" y="${round(atY(tick) + 4)}" text-anchor="end">${label(tick)}</text>`,
  ]);
  const marks = xs.ticks.map((tick) => `<text x="${round(atX(tick))}" y="${height - plot.bottom + 16}" text-anchor="middle">${label(tick)}</text>`);
  const lines = series.flatMap(({ points }, index) => {
    const colour = colours[index % colours.length]!;
    return segments(points).map((part) => `<polyline fill="none" stroke="${colour}" stroke-width="1.6" points="${part.map((point) => `${round(atX(point.x))},${round(atY(point.y))}`).join(" ")}"/>`);
  });
  const legend = series.length < 2 ? [] : series.map(({ name }, index) => {
    const top = plot.top + 12 + 14 * index;
    return `<rect x="${plot.left + 8}" y="${top - 8}" width="10" height="3" fill="${colours[index % colours.length]!}"/><text x="${plot.left + 22}" y="${top - 3}">${escapeXml(name)}</text>`;
  });
  return [
    `<g transform="translate(${x},${y})" font-family="sans-serif" font-size="11">`,
    `<text x="${plot.left}" y="20" font-size="13" font-weight="bold">${escapeXml(title)}</text>`,
    ...grid,
    ...marks,
    `<text x="${width / 2}" y="${height - 8}" text-anchor="middle">${escapeXml(xLabel)}</text>`,
    ...lines,
    ...legend,
    "</g>",
  ].join("\n");
}

/** Charts in two columns, as one picture. */
export function chartSheetSvg(title: string, charts: readonly LineChart[]): string {
  const rows = Math.ceil(charts.length / 2);
  const [sheetWidth, sheetHeight] = [2 * width + 20, rows * height + 44];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${sheetWidth} ${sheetHeight}" width="${sheetWidth}" height="${sheetHeight}" font-family="sans-serif">`,
    `<rect width="${sheetWidth}" height="${sheetHeight}" fill="#fff"/>`,
    `<text x="16" y="26" font-size="16" font-weight="bold">${escapeXml(title)}</text>`,
    ...charts.map((chart, index) => lineChartSvg(chart, (index % 2) * (width + 20), 40 + Math.floor(index / 2) * height)),
    "</svg>",
    "",
  ].join("\n");
}

export function escapeXml(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;");
}

interface Axis {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
}

/** Four to eight round ticks that hold all values. */
function axis(values: readonly number[]): Axis {
  let [low, high] = values.length === 0 ? [0, 1] : [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  if (high === low) [low, high] = [low - 0.5, high + 0.5];
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough)!;
  [low, high] = [Math.floor(low / step) * step, Math.ceil(high / step) * step];
  return { low, high, ticks: Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => low + i * step) };
}

/** The runs of points that have a value. */
function segments(points: ChartSeries["points"]): { x: number; y: number }[][] {
  const parts: { x: number; y: number }[][] = [[]];
  for (const { x, y } of points) {
    if (y === undefined) parts.push([]);
    else parts.at(-1)!.push({ x, y });
  }
  return parts.filter((part) => part.length > 0);
}

function label(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function round(value: number): number {
  return Math.round(10 * value) / 10;
}
