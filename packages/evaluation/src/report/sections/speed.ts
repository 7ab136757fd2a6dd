import { bytesText, countText, lengthText, secondsText } from "../figures.js";
import { element, escapeMarkup } from "../markup.js";
import type { SpeedRow, SuiteReport } from "../run-summary.js";
import { barChart } from "../svg/bar-chart.js";
import { fullVariantOf, variantColour } from "../variant-colour.js";

/** Prefill times as bars, and a table with decode and memory; each against full attention. */
export function speedSection(suite: SuiteReport): string {
  const lengths = Array.from(new Set(suite.speed.map(({ lengthBucket }) => lengthBucket)));
  if (lengths.length === 0) return "";
  const rowsOf = (length: string) => suite.speed.filter(({ lengthBucket }) => lengthBucket === length);
  const chart = barChart(
    "Prefill time",
    lengths.map((length) => ({
      name: `${lengthText(length)} tokens`,
      bars: rowsOf(length).map((row) => ({
        name: row.variant,
        value: row.prefillSeconds,
        text: `${secondsText(row.prefillSeconds)}${times(full(suite, row), ({ prefillSeconds }) => 1 / prefillSeconds, row)}`,
        colour: variantColour(suite, row.variant),
      })),
    })),
  );
  const decodes = suite.speed.some(({ decodeTokensPerSecond }) => decodeTokensPerSecond > 0);
  const rows = lengths.flatMap((length) =>
    rowsOf(length).map((row, index) =>
      element(
        "tr",
        index === 0 ? { class: "first" } : {},
        element("th", { scope: "row" }, index === 0 ? escapeMarkup(lengthText(length)) : ""),
        element("td", { class: "left" }, escapeMarkup(row.variant)),
        element("td", {}, countText(row.promptTokens)),
        element("td", {}, countText(row.promptTokens / row.prefillSeconds)),
        decodes ? element("td", {}, row.decodeTokensPerSecond > 0 ? row.decodeTokensPerSecond.toFixed(1) : "–") : "",
        element("td", {}, bytesText(row.keyValueBytes), element("small", {}, `${((100 * row.keyValueBytes) / row.fullKeyValueBytes).toFixed(0)} %`)),
        element("td", {}, bytesText(row.peakBytes)),
      ),
    ),
  );
  const names = ["Mode", "Prompt tokens", "Prefill tokens/s", ...(decodes ? ["Decode tokens/s"] : []), "Keys and values", "Peak memory"];
  const head = element("tr", {}, element("th", {}, "Length"), ...names.map((name) => element("th", { class: name === "Mode" ? "left" : undefined }, name)));
  return (
    element(
      "section",
      { class: "block" },
      element("h3", {}, "Time to read the prompt"),
      element("p", { class: "note" }, "Mean over the prompts of a length; in brackets, how many times as fast as full attention."),
      chart,
    ) +
    element(
      "section",
      { class: "block wide" },
      element("h3", {}, "Speed and memory"),
      decodes ? element("p", { class: "note" }, "Decoding is that of all answers of a batch together; a prompt has the device to itself.") : "",
      element("div", { class: "scroll" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows))),
    )
  );
}

function full({ speed }: SuiteReport, row: SpeedRow): SpeedRow | undefined {
  return speed.find(({ variant, lengthBucket }) => variant === fullVariantOf(row.variant) && lengthBucket === row.lengthBucket);
}

/** " (1.9×)" against another row; nothing for full attention itself. */
function times(other: SpeedRow | undefined, rate: (row: SpeedRow) => number, row: SpeedRow): string {
  return other === undefined || other === row ? "" : ` (${(rate(row) / rate(other)).toFixed(2)}×)`;
}
