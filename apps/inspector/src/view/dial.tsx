import { useState } from "preact/hooks";
import { percent } from "./words.js";

/** The sparsity dial: as the router decides, or a share of the heads. */
export function Dial({ value, onChange, name }: { readonly value: number | undefined; readonly onChange: (value: number | undefined) => void; readonly name: string }) {
  const [share, setShare] = useState(value ?? 0.75);
  const turn = (next: number) => {
    setShare(next);
    onChange(next);
  };
  return (
    <fieldset class="dial">
      <legend>Sparsity</legend>
      <label>
        <input type="checkbox" checked={value === undefined} onChange={(event) => onChange(event.currentTarget.checked ? undefined : share)} /> as the router decides
      </label>
      <label class="slider">
        <span class="unseen">Share of sparse heads</span>
        <input type="range" name={name} min="0" max="1" step="0.05" value={share} disabled={value === undefined} aria-valuetext={percent(share)} onInput={(event) => turn(Number(event.currentTarget.value))} />
        <output>{value === undefined ? "–" : percent(share)}</output>
      </label>
    </fieldset>
  );
}
