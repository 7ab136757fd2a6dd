import type { ListedRun } from "../runs/run-list.js";
import { runTitle } from "../runs/run.js";
import { Figures } from "./figures.js";
import { HeadMap } from "./head-map.js";
import { PromptTokens } from "./prompt-tokens.js";
import { Timeline } from "./timeline.js";

const endings: Readonly<Record<string, string>> = {
  "end-of-text": "The answer ended by itself.",
  length: "The answer ended at its longest.",
  stop: "The answer ended at a stop text.",
  aborted: "The answer was stopped.",
};

/** One run: its answer, head map, figures, timeline and prompt. */
export function RunView({ listed }: { readonly listed: ListedRun }) {
  const { run, stop } = listed;
  const { end, model } = run;
  return (
    <article class="run" aria-label={runTitle(run)}>
      <header>
        <h2>{runTitle(run)}</h2>
        <p class="quiet">{[model.name, model.architecture, model.dtype, model.backend, model.routerDescription].filter((part) => part !== "").join(" · ")}</p>
        <div class="actions">
          {stop !== undefined && <button type="button" onClick={stop}>Stop</button>}
          {stop === undefined && <button type="button" onClick={() => save(listed)}>Save recording</button>}
        </div>
      </header>
      <section>
        <h3>Answer</h3>
        <div class="answer" aria-live="polite" aria-busy={end === undefined}>
          {run.answer === "" && end === undefined ? <span class="quiet">Reading the prompt …</span> : run.answer}
        </div>
        {end?.type === "error" && <p class="error" role="alert">{end.message}</p>}
        {end?.type === "finish" && <p class="quiet">{endings[end.reason] ?? end.reason}</p>}
      </section>
      <div class="drawn">
        <section>
          <h3>Heads</h3>
          <HeadMap run={run} />
        </section>
        <section>
          <h3>Figures</h3>
          <Figures run={run} />
          <Timeline run={run} />
        </section>
      </div>
      <details>
        <summary>Prompt</summary>
        <PromptTokens run={run} name={`mode-of-${listed.id}`} />
      </details>
    </article>
  );
}

function save({ recording, id }: ListedRun): void {
  const url = URL.createObjectURL(new Blob([JSON.stringify(recording)], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `run-${id}.json`;
  link.click();
  URL.revokeObjectURL(url);
}
