import { element, escapeMarkup, label } from "../markup.js";

export interface HeatCell {
  /** 0 to 1; undefined where there is nothing. */
  readonly value: number | undefined;
  /** Inside the cell. */
  readonly text?: string;
  readonly title: string;
}

export interface HeatMap {
  readonly title: string;
  readonly rows: readonly { readonly name: string; readonly cells: readonly HeatCell[] }[];
  readonly columns: readonly string[];
  readonly rowLabel: string;
  readonly columnLabel: string;
  readonly cellWidth: number;
  readonly cellHeight: number;
  /** Share of the ramp's colour at value 0 and at 1. Default 0 and 1. */
  readonly ramp?: readonly [number, number];
}

/** A table of coloured cells with one ramp, light for 0 and deep for 1. */
export function heatMap({ title, rows, columns, rowLabel, columnLabel, cellWidth, cellHeight, ramp = [0.04, 1] }: HeatMap): string {
  const left = 14 + 7.4 * Math.max(rowLabel.length, ...rows.map(({ name }) => name.length));
  const top = 40;
  const width = Math.ceil(left + columns.length * cellWidth + 8);
  const height = top + rows.length * cellHeight + 6;
  // Labels that would run into each other are thinned out.
  const every = Math.max(1, Math.ceil((6 + 7 * Math.max(...columns.map(({ length }) => length))) / cellWidth));
  const cells = rows.flatMap(({ name, cells }, row) => [
    label(left - 8, top + row * cellHeight + cellHeight / 2 + 4, name, { "text-anchor": "end", class: "tick" }),
    ...cells.map((cell, column) => drawCell(cell, left + column * cellWidth, top + row * cellHeight, cellWidth, cellHeight, ramp)),
  ]);
  return element(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, width, height, class: "heat", role: "img", "aria-label": title },
    label(left - 8, 32, rowLabel, { "text-anchor": "end", class: "axis" }),
    label(left, 12, columnLabel, { class: "axis" }),
    ...columns.map((name, column) =>
      column % every === 0 ? label(left + (column + 0.5) * cellWidth, 32, name, { "text-anchor": "middle", class: "tick" }) : "",
    ),
    ...cells,
  );
}

function drawCell({ value, text, title }: HeatCell, x: number, y: number, width: number, height: number, [low, high]: readonly [number, number]): string {
  const share = value === undefined ? 0 : low + (high - low) * value;
  const style = value === undefined ? undefined : `--v:${Math.round(100 * share)}%`;
  const attributes = { x: x + 1, y: y + 1, width: width - 2, height: height - 2, rx: 3, class: value === undefined ? "cell none" : "cell", style };
  return (
    element("rect", attributes, `<title>${escapeMarkup(title)}</title>`) +
    (text === undefined ? "" : label(x + width / 2, y + height / 2 + 4, text, { "text-anchor": "middle", class: share > 0.55 ? "in on" : "in" }))
  );
}
