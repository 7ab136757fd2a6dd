import { fullVariantOf, type RunSummary, type SuiteReport, type VariantResult } from "@elastic-attention/evaluation";
import { percent, sparsityText, speedText } from "../../report/routing-report-text.js";

/** The result of a run for a terminal: a line for each mode of each suite. */
export function summaryText({ suites }: RunSummary): string {
  return suitesText(suites);
}

/** The same for suites of any document. */
export function suitesText(suites: readonly SuiteReport[]): string {
  return suites.map(suiteText).join("\n\n");
}

function suiteText(suite: SuiteReport): string {
  const width = Math.max(...suite.results.map(({ variant }) => variant.length));
  const lines = suite.results.map((result) => {
    const { variant, score, modelSparsity, effectiveSparsity } = result;
    const faster = prefillRatio(suite, variant);
    return [
      `  ${variant.padEnd(width)}`,
      scoreText(suite, score.average).padStart(8),
      sparsityText({ modelSparsity: modelSparsity.average, effectiveSparsity: effectiveSparsity.average }),
      faster === undefined ? "" : `prefill ${speedText(faster, "full")}`,
      lengthsText(suite, result),
    ].join("  ").trimEnd();
  });
  const sweep = suite.retained.map(
    ({ mode, modelSparsity, retained }) => `  ${mode} with ${percent(modelSparsity)} of heads sparse (MSR) keeps ${(100 * retained).toFixed(1)}% of full attention's score`,
  );
  const unit = suite.scoreUnit === "nats" ? ", nats per token" : "";
  return [`${suite.name}: ${suite.samples} ${suite.samples === 1 ? "prompt" : "prompts"}${unit}`, ...lines, ...sweep].join("\n");
}

function scoreText({ scoreUnit }: SuiteReport, score: number): string {
  return scoreUnit === "share" ? (100 * score).toFixed(2) : score.toFixed(4);
}

function lengthsText(suite: SuiteReport, { score }: VariantResult): string {
  if (score.lengths.length < 2) return "";
  return score.lengths.map(({ name, score }) => `${name}: ${scoreText(suite, score)}`).join("  ");
}

/** Full attention's prefill time by a variant's, over all lengths that both ran. */
function prefillRatio({ speed }: SuiteReport, variant: string): number | undefined {
  const baseline = fullVariantOf(variant);
  if (variant === baseline) return undefined;
  let [own, full] = [0, 0];
  for (const row of speed) {
    const other = speed.find(({ variant: name, lengthBucket }) => name === baseline && lengthBucket === row.lengthBucket);
    if (row.variant !== variant || other === undefined) continue;
    own += row.prefillSeconds;
    full += other.prefillSeconds;
  }
  return own > 0 ? full / own : undefined;
}
