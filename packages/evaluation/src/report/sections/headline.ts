import { percentText, scoreText } from "../figures.js";
import { element, escapeMarkup } from "../markup.js";
import type { SuiteReport, VariantResult } from "../run-summary.js";

/** The few figures that answer "was it worth it": the first routed mode against full attention. */
export function headline(suite: SuiteReport): string {
  const { results, scoreUnit } = suite;
  // Several runs side by side have no one answer.
  if (results.some(({ variant }) => variant.includes(" "))) return "";
  const full = results.find(({ variant }) => variant === "full");
  const routed = results.find(({ variant, modelSparsity }) => variant !== "full" && modelSparsity.average > 0);
  const cards = [
    full === undefined ? "" : card(scoreText(full.score.average, scoreUnit), scoreUnit === "share" ? "score with full attention" : "nats per token with full attention"),
    ...(routed === undefined ? [] : routedCards(suite, full, routed)),
  ];
  return element("div", { class: "cards" }, ...cards);
}

function routedCards(suite: SuiteReport, full: VariantResult | undefined, routed: VariantResult): string[] {
  const { variant, score, modelSparsity } = routed;
  const own = suite.speed.filter((row) => row.variant === variant);
  const others = suite.speed.filter((row) => row.variant === "full");
  const total = (rows: typeof own, value: (row: (typeof own)[number]) => number) => rows.reduce((sum, row) => sum + value(row) * row.samples, 0);
  // A run that was stopped has lengths that only one of them saw.
  const same = own.flatMap((row) => others.filter(({ lengthBucket }) => lengthBucket === row.lengthBucket).map((full) => ({ row, full })));
  const seconds = (of: (pair: (typeof same)[number]) => number) => same.reduce((sum, pair) => sum + of(pair) * pair.row.samples, 0);
  const faster = seconds(({ full }) => full.prefillSeconds) / seconds(({ row }) => row.prefillSeconds);
  const kept = total(own, ({ keyValueBytes }) => keyValueBytes) / total(own, ({ fullKeyValueBytes }) => fullKeyValueBytes);
  const share = full === undefined || full.score.average === 0 ? undefined : score.average / full.score.average;
  return [
    card(scoreText(score.average, suite.scoreUnit), `with ${variant}, ${percentText(modelSparsity.average)} of the heads sparse`),
    share === undefined || suite.scoreUnit === "nats" ? "" : card(percentText(share), "of full attention’s score"),
    Number.isFinite(faster) ? card(`${faster.toFixed(2)}×`, "as fast as full attention at reading prompts") : "",
    Number.isFinite(kept) ? card(percentText(kept), "of full attention’s keys and values kept") : "",
  ];
}

function card(figure: string, words: string): string {
  return element("div", { class: "card" }, element("strong", {}, escapeMarkup(figure)), element("span", {}, escapeMarkup(words)));
}
