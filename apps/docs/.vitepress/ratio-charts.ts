import type { MarkdownRenderer } from "vitepress";

type Token = ReturnType<MarkdownRenderer["parse"]>[number];

/** A row of a table of benchmarks whose ratio is a number: above 1 ours is better. */
interface Ratio {
  readonly what: string;
  readonly value: number;
  readonly missed: boolean;
}

/** Charts with fewer bars say no more than the table does, with more they are as long as it. */
const bars = { fewest: 3, most: 14 };

/** Draws the ratios of every table of benchmarks above it, so that pictures and figures are never of two ages. */
export function ratioCharts(markdown: MarkdownRenderer): void {
  markdown.core.ruler.push("ratio-charts", (state) => {
    const { tokens } = state;
    for (let at = tokens.length - 1; at >= 0; at--) {
      if (tokens[at]!.type !== "table_open") continue;
      const ratios = ratiosOf(tokens.slice(at, tokens.findIndex((token, index) => index > at && token.type === "table_close")));
      if (ratios.length < bars.fewest) continue;
      const chart = new state.Token("html_block", "", 0);
      chart.content = chartHtml(ratios.slice(0, bars.most));
      tokens.splice(at, 0, chart);
    }
  });
}

function ratiosOf(table: readonly Token[]): Ratio[] {
  const rows: string[][] = [];
  for (const token of table) {
    if (token.type === "tr_open") rows.push([]);
    if (token.type === "inline") rows.at(-1)!.push(token.content);
  }
  const [head = [], ...body] = rows;
  const column = head.findIndex((title) => title.startsWith("ratio"));
  if (column < 0) return [];
  let subject = "";
  return body.flatMap((cells) => {
    // "the same, local 1 024" leans on the row above it.
    const what = plainText(cells[0] ?? "");
    if (!what.startsWith("the same")) subject = what;
    const cell = cells[column] ?? "";
    const value = /^(\d+\.\d+)(?![\d%])(?!\s*(?:%|of it))/.exec(cell)?.[1];
    if (value === undefined) return [];
    return [{ what: what.startsWith("the same") ? what.replace("the same", subject.split(",")[0]!) : what, value: Number(value), missed: cell.includes("**missed**") }];
  });
}

function plainText(markdown: string): string {
  return markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replace(/[`*]/g, "");
}

function chartHtml(ratios: readonly Ratio[]): string {
  const longest = Math.max(1, ...ratios.map(({ value }) => value));
  const share = (value: number) => `${((100 * value) / longest).toFixed(1)}%`;
  const rows = ratios.map(
    ({ what, value, missed }) =>
      `<div class="ratio"><span class="what">${escapeHtml(what)}</span>` +
      `<span class="track"><span class="bar${missed ? " missed" : ""}" style="width: ${share(value)}"></span><span class="even" style="left: ${share(1)}"></span></span>` +
      `<span class="value">${value.toFixed(2)}</span></div>`,
  );
  return (
    `<figure v-pre class="ratio-chart" aria-label="Ratios of the table below">${rows.join("")}` +
    `<figcaption>Ours over the peer's, the line is 1${ratios.some(({ missed }) => missed) ? "; a pale bar misses its target" : ""}.</figcaption></figure>\n`
  );
}

function escapeHtml(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
