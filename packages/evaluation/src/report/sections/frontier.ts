import { bytesText, percentText, scoreText, secondsText } from "../figures.js";
import { element, escapeMarkup } from "../markup.js";
import type { SuiteReport } from "../run-summary.js";
import { type FrontierPoint, isOnFrontier } from "../summarize-frontier.js";
import { style } from "../style.js";
import { scatterChart } from "../svg/scatter-chart.js";
import { variantColour } from "../variant-colour.js";

/** What modes cost and give on the same prompts, as a picture and a table; nothing for runs that do not say what was read. */
export function frontierSection(suite: SuiteReport): string {
  const points = suite.frontier;
  if (points.length === 0) return "";
  return element(
    "section",
    { class: "block wide" },
    element("h3", {}, "Score against what a decoded token reads"),
    element(
      "p",
      { class: "note" },
      `Means over the same ${points[0]!.samples} prompts. Bars are 95% intervals of the difference to full attention by the paired bootstrap over prompts; the line joins the variants that no other one beats in both. What is read follows from each prompt’s plan.`,
    ),
    frontierPicture(suite),
    element("div", { class: "scroll" }, table(points)),
  );
}

/** The picture alone. */
export function frontierPicture(suite: SuiteReport): string {
  const points = suite.frontier;
  return scatterChart({
    title: "Score against what a decoded token reads",
    xLabel: "keys and values read for a decoded token, % of full attention",
    yLabel: "score",
    points: points.map((point) => ({
      name: point.variant,
      x: 100 * point.readShare,
      y: 100 * point.score,
      ...(point.difference === undefined ? {} : { range: [100 * (point.fullScore + point.difference.low), 100 * (point.fullScore + point.difference.high)] as const }),
      colour: variantColour(suite, point.variant),
      isBest: isOnFrontier(point, points),
      title: `${point.variant}: ${scoreText(point.score, "share")}, ${percentText(point.readShare)} read`,
    })),
  });
}

/** The same as a file of its own, with the colours that a page has. */
export function frontierFile(suite: SuiteReport): string {
  return frontierPicture(suite).replace(/^<svg /, '<svg xmlns="http://www.w3.org/2000/svg" ').replace(/^(<svg [^>]*>)/, `$1<style>${style}</style><rect width="100%" height="100%" fill="white"/>`);
}

function table(points: readonly FrontierPoint[]): string {
  const rows = points.map((point) => {
    const { difference } = point;
    const signed = (value: number) => `${value < 0 ? "−" : "+"}${Math.abs(100 * value).toFixed(1)}`;
    return element(
      "tr",
      {},
      element("th", { scope: "row" }, escapeMarkup(point.variant)),
      element("td", {}, scoreText(point.score, "share")),
      element("td", {}, difference === undefined ? "–" : `${signed(difference.mean)} (${signed(difference.low)} to ${signed(difference.high)})`),
      element("td", {}, bytesText(point.readBytes), element("small", {}, percentText(point.readShare))),
      element("td", {}, bytesText(point.heldBytes), element("small", {}, percentText(point.heldShare))),
      element("td", {}, secondsText(point.prefillSeconds), element("small", {}, percentText(point.prefillShare))),
      element("td", {}, String(point.samples)),
    );
  });
  const names = ["Score", "To full (95%)", "Read a token", "Held", "Prefill", "Prompts"];
  const head = element("tr", {}, element("th", { class: "left" }, "Mode"), ...names.map((name) => element("th", {}, name)));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}
