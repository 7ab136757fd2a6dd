import { lengthText } from "../figures.js";
import { element, escapeMarkup } from "../markup.js";
import type { SuiteReport } from "../run-summary.js";
import { heatMap } from "../svg/heat-map.js";

/** Needle in a haystack: score by depth and length, one map for each mode. */
export function depthGrids({ depths }: SuiteReport): string {
  return depths
    .filter(({ depths: rows, lengths }) => rows.length > 1 && rows.length * lengths.length > 1 && rows.length <= 64)
    .map(({ variant, lengths, depths: rows, scores }) =>
      element(
        "section",
        { class: "block" },
        element("h3", {}, `Found by depth and length: ${escapeMarkup(variant)}`),
        element("p", { class: "note" }, "Score in percent; depth 0 is the beginning of the document."),
        element(
          "div",
          { class: "scroll" },
          heatMap({
            title: `Needles found by ${variant}`,
            rows: rows.map((depth, row) => ({
              name: `${Math.round(100 * depth)} %`,
              cells: lengths.map((length, column) => {
                const value = scores[row]![column] ?? undefined;
                return {
                  value,
                  ...(value === undefined ? {} : { text: (100 * value).toFixed(0) }),
                  title: `${lengthText(length)} tokens, depth ${Math.round(100 * depth)} %: ${value === undefined ? "no sample" : `${(100 * value).toFixed(1)} %`}`,
                };
              }),
            })),
            columns: lengths.map(lengthText),
            rowLabel: "depth",
            columnLabel: "tokens",
            cellWidth: 58,
            cellHeight: 26,
          }),
        ),
      ),
    )
    .join("");
}
