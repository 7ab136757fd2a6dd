import { type Run, sparsityOf } from "../runs/run.js";
import { bytes, duration, percent, whole } from "./words.js";

/** The run in figures; those that are not known yet are dashes. */
export function Figures({ run }: { readonly run: Run }) {
  const report = run.end?.type === "finish" ? run.end.report : undefined;
  const sparsity = sparsityOf(run);
  const firstToken = run.tokenTimes[0];
  const share = report === undefined || report.fullKeyValueBytes === 0 ? undefined : report.keyValueBytes / report.fullKeyValueBytes;
  const cached = report === undefined || report.reusedTokens === 0 ? "" : `, ${whole(report.reusedTokens)} cached`;
  const figures: readonly (readonly [name: string, value: string | undefined, title: string])[] = [
    ["prompt", run.promptTokens === 0 ? undefined : `${whole(run.promptTokens)} tokens${cached}`, "Tokens of the prompt, and those of them that a cache held"],
    ["heads sparse", sparsity === undefined ? undefined : percent(sparsity), "MSR: share of the routed key-value heads that are not full"],
    ["blocks skipped", report === undefined ? undefined : percent(report.effectiveSparsity), "ESR: share of the causal blocks that were not visited"],
    ["keys and values", report === undefined ? undefined : bytes(report.keyValueBytes), "What the cache holds after the prompt and the answer"],
    ["of every head full", share === undefined ? undefined : `${percent(share)} of ${bytes(report!.fullKeyValueBytes)}`, "The same cache with every head full"],
    ["first token after", firstToken === undefined ? undefined : duration(firstToken), "From the request's beginning"],
    ["prompt speed", report === undefined ? undefined : `${whole(Math.round(report.prefillTokensPerSecond))} tokens/s`, "Prompt tokens that were read, a second"],
    ["answer speed", report === undefined || report.decodeTokensPerSecond === 0 ? undefined : `${report.decodeTokensPerSecond.toFixed(1)} tokens/s`, "New tokens a second"],
  ];
  return (
    <dl class="figures">
      {figures.map(([name, value, title]) => (
        <div key={name} title={title}>
          <dt>{name}</dt>
          <dd>{value ?? "–"}</dd>
        </div>
      ))}
    </dl>
  );
}
