import { useState } from "preact/hooks";
import { ask } from "../runs/run-list.js";
import type { ServedModel } from "../server/server.js";
import { Dial } from "./dial.js";
import { FileDrop } from "./file-drop.js";

/** A prompt, how it is routed, and whether it is asked a second time in another way. */
export function PromptForm({ models, apiKey }: { readonly models: readonly ServedModel[]; readonly apiKey: string }) {
  const [model, setModel] = useState(models[0]!.id);
  const [prompt, setPrompt] = useState("");
  const [longest, setLongest] = useState(200);
  const [first, setFirst] = useState<Settings>({ mode: "", sparsity: undefined });
  const [second, setSecond] = useState<Settings | undefined>(undefined);
  const modes = models.find(({ id }) => id === model)?.elastic?.modes ?? [];
  const submit = (event: Event) => {
    event.preventDefault();
    const question = ({ mode, sparsity }: Settings) => ({ model, prompt, mode: mode === "" ? undefined : mode, sparsity, maxNewTokens: longest });
    void ask(apiKey, [question(first), ...(second === undefined ? [] : [question(second)])]);
  };
  return (
    <form class="prompt-form" onSubmit={submit}>
      <FileDrop accept="text/*,.md,.json,.csv,.log" onText={(text) => setPrompt(prompt === "" ? text : `${prompt}\n\n${text}`)}>
        <label>
          Prompt
          <textarea required rows={6} value={prompt} placeholder="Write here, or drop a text file" onInput={(event) => setPrompt(event.currentTarget.value)} />
        </label>
      </FileDrop>
      <div class="row">
        {models.length > 1 && (
          <label>
            Model
            <select value={model} onChange={(event) => setModel(event.currentTarget.value)}>
              {models.map(({ id }) => <option key={id}>{id}</option>)}
            </select>
          </label>
        )}
        <label>
          Longest answer, in tokens
          <input type="number" min="1" max="100000" value={longest} onInput={(event) => setLongest(Math.max(1, Number(event.currentTarget.value) || 1))} />
        </label>
      </div>
      <Routing title="Routing" name="first" modes={modes} settings={first} onChange={setFirst} />
      {second !== undefined && <Routing title="Compared with" name="second" modes={modes} settings={second} onChange={setSecond} />}
      <div class="actions">
        <button type="submit">Ask</button>
        <button type="button" class="plain" onClick={() => setSecond(second === undefined ? { mode: modes.includes("full") ? "full" : "", sparsity: undefined } : undefined)}>
          {second === undefined ? "Compare with a second run" : "Only one run"}
        </button>
      </div>
    </form>
  );
}

interface Settings {
  /** Empty: the model's own modes. */
  readonly mode: string;
  readonly sparsity: number | undefined;
}

interface RoutingProperties {
  readonly title: string;
  readonly name: string;
  readonly modes: readonly string[];
  readonly settings: Settings;
  readonly onChange: (settings: Settings) => void;
}

function Routing({ title, name, modes, settings, onChange }: RoutingProperties) {
  return (
    <fieldset class="routing">
      <legend>{title}</legend>
      <label>
        Modes
        <select name={`${name}-mode`} value={settings.mode} onChange={(event) => onChange({ ...settings, mode: event.currentTarget.value })}>
          <option value="">the model's own</option>
          {modes.map((mode) => <option key={mode}>{mode}</option>)}
        </select>
      </label>
      <Dial name={`${name}-sparsity`} value={settings.sparsity} onChange={(sparsity) => onChange({ ...settings, sparsity })} />
    </fieldset>
  );
}
