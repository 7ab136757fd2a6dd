import { modeLabels, type Run } from "../runs/run.js";

/** What each key-value head does: a row a layer, filled as the prompt is read. */
export function HeadMap({ run }: { readonly run: Run }) {
  const labels = modeLabels(run);
  const decided = run.layers.filter((heads) => heads !== undefined).length;
  const windows = run.end?.type === "finish" ? run.end.report.windows : [];
  if (run.layers.length === 0) return <p class="quiet">The head map comes with the first layer.</p>;
  return (
    <div class="head-map" role="group" aria-label="Head map">
      <ul class="legend" aria-label="Modes">
        {labels.map((label, mode) => (
          <li key={label}>
            <span class={`cell mode-${Math.min(mode, 3)}`} aria-hidden="true" /> {label}
          </li>
        ))}
        {decided < run.layers.length && <li>{`layer ${decided} of ${run.layers.length}`}</li>}
      </ul>
      <div class="scroll" tabIndex={0} role="group" aria-label="Heads of each layer">
        <table>
          <caption class="unseen">Mode of every key-value head, a row for each layer</caption>
          <tbody>
            {run.layers.map((heads, layer) => (
              <tr key={layer}>
                <th scope="row">{layer}</th>
                {heads === undefined
                  ? Array.from({ length: run.model.numKeyValueHeads }, (_, head) => <td key={head} class="cell waiting" />)
                  : heads.map((mode, head) => (
                      <td key={head} class={`cell mode-${Math.min(mode, 3)}`} title={`layer ${layer}, head ${head}: ${labels[mode] ?? "?"}`}>
                        <span class="unseen">{labels[mode] ?? "?"}</span>
                      </td>
                    ))}
                {heads?.length === 0 && (
                  <td class="quiet" colSpan={Math.max(1, run.model.numKeyValueHeads)}>
                    {windows[layer] === null || windows[layer] === undefined ? "fixed by the model" : `window of ${windows[layer]}`}
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}
