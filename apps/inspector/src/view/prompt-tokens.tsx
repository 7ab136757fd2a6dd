import { useState } from "preact/hooks";
import type { Run } from "../runs/run.js";
import { visibleTokens } from "../runs/visible-tokens.js";
import { whole } from "./words.js";

/** Characters of one stretch that are shown at each of its ends. */
const shownCharacters = 4_000;

/** The prompt, with what a head of the chosen mode can still see of it. */
export function PromptTokens({ run, name }: { readonly run: Run; readonly name: string }) {
  const report = run.end?.type === "finish" ? run.end.report : undefined;
  const [chosen, setChosen] = useState(0);
  const { promptPieces: pieces } = run;
  if (pieces === undefined) return <p class="quiet">The prompt was not recorded.</p>;
  const modes = report?.modes ?? [];
  const mode = Math.min(chosen, Math.max(0, modes.length - 1));
  const retention = report?.retentions[mode];
  const isRouted = run.request.decode !== "full" && retention !== undefined;
  const stretches = visibleTokens(isRouted ? retention : { type: "all" }, pieces.length);
  const dropped = stretches.filter(({ kept }) => !kept).reduce((sum, { first, end }) => sum + end - first, 0);
  return (
    <div class="prompt-tokens">
      {modes.length > 1 && (
        <fieldset class="choices">
          <legend>What a head can still see when it writes</legend>
          {modes.map((label, index) => (
            <label key={label}>
              <input type="radio" name={name} checked={index === mode} onChange={() => setChosen(index)} /> {label}
            </label>
          ))}
        </fieldset>
      )}
      <p>
        {dropped === 0
          ? `All ${whole(pieces.length)} tokens of the prompt.`
          : `${whole(pieces.length - dropped)} of ${whole(pieces.length)} tokens; ${whole(dropped)} in the middle are dropped.`}
      </p>
      <div class="prompt-text" tabIndex={0} role="group" aria-label="Text of the prompt">
        {stretches.map(({ first, end, kept }) => (
          <Stretch key={first} text={pieces.slice(first, end).join("")} tokens={end - first} kept={kept} />
        ))}
      </div>
    </div>
  );
}

function Stretch({ text, tokens, kept }: { readonly text: string; readonly tokens: number; readonly kept: boolean }) {
  const isCut = text.length > 2 * shownCharacters;
  const shownText = isCut ? (
    <>
      {text.slice(0, shownCharacters)}
      <span class="cut">{` … ${whole(text.length - 2 * shownCharacters)} characters … `}</span>
      {text.slice(-shownCharacters)}
    </>
  ) : (
    text
  );
  return kept ? <span title={`${whole(tokens)} tokens kept`}>{shownText}</span> : <del title={`${whole(tokens)} tokens dropped`}>{shownText}</del>;
}
