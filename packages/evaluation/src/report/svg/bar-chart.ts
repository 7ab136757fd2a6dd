import { element, escapeMarkup, label, short } from "../markup.js";

export interface Bar {
  readonly name: string;
  readonly value: number;
  /** Behind the bar's end. */
  readonly text: string;
  readonly colour: number;
}

export interface BarGroup {
  readonly name: string;
  readonly bars: readonly Bar[];
}

const [width, barHeight, barGap, groupGap] = [440, 16, 4, 30];

/** Horizontal bars in groups; each bar is named, and its value stands at its end. */
export function barChart(title: string, groups: readonly BarGroup[]): string {
  const bars = groups.flatMap(({ bars }) => bars);
  const left = 16 + 6.9 * Math.max(...bars.map(({ name }) => name.length));
  const right = 14 + 6.6 * Math.max(...bars.map(({ text }) => text.length));
  const scale = (width - left - right) / Math.max(...bars.map(({ value }) => value), 1e-12);
  const parts: string[] = [];
  let y = 0;
  for (const group of groups) {
    parts.push(label(0, y + 12, group.name, { class: "group" }));
    y += 22;
    for (const { name, value, text, colour } of group.bars) {
      const long = Math.max(2, value * scale);
      parts.push(
        label(left - 8, y + barHeight - 4, name, { "text-anchor": "end", class: "tick" }),
        element("rect", { x: short(left), y, width: short(long), height: barHeight, rx: 3, class: `fill-${colour}` }, `<title>${escapeMarkup(`${name}: ${text}`)}</title>`),
        label(left + long + 7, y + barHeight - 4, text, { class: "value start" }),
      );
      y += barHeight + barGap;
    }
    y += groupGap - 22;
  }
  return element("svg", { viewBox: `0 0 ${width} ${y}`, class: "chart", role: "img", "aria-label": title }, ...parts);
}
