import { element, escapeMarkup } from "../markup.js";
import type { SuiteReport } from "../run-summary.js";

/** Answers that scored least, folded away. */
export function missesSection({ misses }: SuiteReport): string {
  if (misses.length === 0) return "";
  const items = misses.map(({ id, score, output, references }) =>
    element(
      "li",
      {},
      element("p", {}, element("code", {}, escapeMarkup(id)), ` scored ${(100 * score).toFixed(0)}`),
      element("blockquote", {}, escapeMarkup(output.trim() === "" ? "(nothing)" : output.trim())),
      element("p", { class: "note" }, `Wanted: ${escapeMarkup(references.join(" · "))}`),
    ),
  );
  return element(
    "details",
    { class: "block wide" },
    element("summary", {}, `What went wrong under ${escapeMarkup(misses[0]!.variant)}: the lowest answer of each task that has one`),
    element("ul", { class: "misses" }, ...items),
  );
}
