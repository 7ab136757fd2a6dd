import { useEffect, useState } from "preact/hooks";
import { readRecording } from "./recording/read-recording.js";
import { addRecording, runs, shown } from "./runs/run-list.js";
import { type ServedModel, Server, ServerError } from "./server/server.js";
import { FileDrop } from "./view/file-drop.js";
import { History } from "./view/history.js";
import { PromptForm } from "./view/prompt-form.js";
import { RunView } from "./view/run-view.js";

/** What is known of the server this page came from. */
type Connection =
  | { readonly state: "asking" | "none" }
  | { readonly state: "key wanted"; readonly message: string }
  | { readonly state: "there"; readonly models: readonly ServedModel[] };

export function App() {
  const [apiKey, setApiKey] = useState("");
  const connection = useConnection(apiKey);
  const [problem, setProblem] = useState("");
  const open = (text: string) => {
    try {
      addRecording(readRecording(text));
      setProblem("");
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  useEffect(() => void openNamedRecording(open, setProblem), []);
  const listed = shown.value.flatMap((id) => runs.value.filter((each) => each.id === id));
  return (
    <>
      <header class="page">
        <h1>Elastic Attention inspector</h1>
        <FileDrop accept=".json,application/json" label="Open a recorded run" onText={open} />
      </header>
      <main>
        {problem !== "" && <p class="error" role="alert">{problem}</p>}
        {connection.state === "there" && <PromptForm models={connection.models} apiKey={apiKey} />}
        {connection.state === "key wanted" && <KeyForm message={connection.message} onKey={setApiKey} />}
        {connection.state === "none" && listed.length === 0 && (
          <p class="quiet">
            No server answers here. Open what <code>elastic-attention run --record FILE</code> wrote, or start <code>elastic-attention serve --ui</code>.
          </p>
        )}
        <div class={listed.length > 1 ? "runs beside" : "runs"}>
          {listed.map((each) => <RunView key={each.id} listed={each} />)}
        </div>
        <History />
      </main>
    </>
  );
}

function KeyForm({ message, onKey }: { readonly message: string; readonly onKey: (key: string) => void }) {
  const [key, setKey] = useState("");
  return (
    <form
      class="key-form"
      onSubmit={(event) => {
        event.preventDefault();
        onKey(key);
      }}
    >
      <label>
        API key
        <input type="password" autocomplete="off" required value={key} onInput={(event) => setKey(event.currentTarget.value)} />
      </label>
      <button type="submit">Use it</button>
      <p class="quiet">{message} The key stays in this page.</p>
    </form>
  );
}

function useConnection(apiKey: string): Connection {
  const [connection, setConnection] = useState<Connection>({ state: "asking" });
  useEffect(() => {
    const controller = new AbortController();
    new Server(apiKey)
      .models(controller.signal)
      .then((models) => setConnection(models.length === 0 ? { state: "none" } : { state: "there", models }))
      .catch((error: unknown) => {
        if (controller.signal.aborted) return;
        const wantsKey = error instanceof ServerError && (error.status === 401 || error.status === 403);
        setConnection(wantsKey ? { state: "key wanted", message: error.message } : { state: "none" });
      });
    return () => controller.abort();
  }, [apiKey]);
  return connection;
}

/** `?recording=run.json`: a file beside this page. */
async function openNamedRecording(open: (text: string) => void, onProblem: (message: string) => void): Promise<void> {
  const name = new URLSearchParams(location.search).get("recording");
  if (name === null) return;
  const url = new URL(name, document.baseURI);
  if (url.origin !== new URL(document.baseURI).origin) {
    onProblem("A recording is opened from the place of this page only.");
    return;
  }
  try {
    const response = await fetch(url);
    if (response.ok) open(await response.text());
    else onProblem(`${name}: ${response.status} ${response.statusText}`);
  } catch {
    onProblem(`${name} cannot be read.`);
  }
}
