import { runs, shown } from "../runs/run-list.js";
import { runTitle, sparsityOf } from "../runs/run.js";
import { percent, whole } from "./words.js";

/** The runs of this page, the latest first; a press shows one, with Shift or Ctrl beside those that are shown. */
export function History() {
  if (runs.value.length < 2) return null;
  return (
    <nav class="history" aria-label="History">
      <h2>History</h2>
      <ol>
        {runs.value.map(({ id, run }) => {
          const sparsity = sparsityOf(run);
          return (
            <li key={id}>
              <button type="button" aria-pressed={shown.value.includes(id)} onClick={(event) => show(id, event.shiftKey || event.ctrlKey || event.metaKey)}>
                <span>{runTitle(run)}</span>
                <span class="quiet">{`${whole(run.promptTokens)} tokens${sparsity === undefined ? "" : `, ${percent(sparsity)} sparse`}`}</span>
              </button>
            </li>
          );
        })}
      </ol>
      <p class="quiet">Shift and a press show two runs side by side.</p>
    </nav>
  );
}

function show(id: number, beside: boolean): void {
  if (!beside) shown.value = [id];
  else shown.value = shown.value.includes(id) ? shown.value.filter((each) => each !== id) : [...shown.value, id].slice(-2);
}
