import { signal } from "@preact/signals";
import type { RecordedModel, RecordedRequest, RequestRecording } from "@elastic-attention/generation";
import { type Question, Server } from "../server/server.js";
import { emptyRun, type Run, runOf, withEvent } from "./run.js";

/** A run on the page, with its place in the history. */
export interface ListedRun {
  readonly id: number;
  readonly run: Run;
  /** While it can be stopped. */
  readonly stop?: () => void;
  /** What a saved recording of it is made of. */
  readonly recording: RequestRecording;
}

/** The latest first. */
export const runs = signal<readonly ListedRun[]>([]);
/** Ids of the runs that are shown, side by side. */
export const shown = signal<readonly number[]>([]);

/** Runs beyond these are forgotten, the oldest first. */
const mostRuns = 50;
let nextId = 1;

/** Adds a recorded run and shows it alone. */
export function addRecording(recording: RequestRecording): void {
  const id = add({ run: runOf(recording), recording });
  shown.value = [id];
}

/** Asks the same question once for each of these settings, and shows the runs side by side. */
export async function ask(apiKey: string, questions: readonly Question[]): Promise<void> {
  const server = new Server(apiKey);
  const started = questions.map((question) => start(server, question));
  shown.value = started.map(({ id }) => id);
  await Promise.all(started.map(({ ended }) => ended));
}

function start(server: Server, question: Question): { readonly id: number; readonly ended: Promise<void> } {
  const controller = new AbortController();
  const request: RecordedRequest = {
    maxNewTokens: question.maxNewTokens,
    ...(question.mode === undefined ? {} : { mode: question.mode }),
    ...(question.sparsity === undefined ? {} : { sparsity: question.sparsity }),
  };
  const begun = performance.now();
  const id = add({ run: emptyRun(unknownModel(question.model), request), recording: recordingOf(unknownModel(question.model), request), stop: () => controller.abort() });
  const ended = server
    .ask(
      question,
      controller.signal,
      (recording) => change(id, (listed) => ({ ...listed, recording, run: emptyRun(recording.model, request, recording.promptPieces) })),
      (event) => change(id, (listed) => ({ ...listed, run: withEvent(listed.run, event), recording: { ...listed.recording, events: [...listed.recording.events, event] } })),
    )
    .catch((error: unknown) => {
      const message = controller.signal.aborted ? "Stopped." : error instanceof Error ? error.message : String(error);
      change(id, (listed) => ({ ...listed, run: { ...listed.run, end: listed.run.end ?? { type: "error", message, at: (performance.now() - begun) / 1000 } } }));
    })
    .finally(() => change(id, ({ stop: _stop, ...listed }) => listed));
  return { id, ended };
}

function add(listed: Omit<ListedRun, "id">): number {
  const id = nextId++;
  runs.value = [{ id, ...listed }, ...runs.value].slice(0, mostRuns);
  return id;
}

function change(id: number, work: (listed: ListedRun) => ListedRun): void {
  runs.value = runs.value.map((listed) => (listed.id === id ? work(listed) : listed));
}

function recordingOf(model: RecordedModel, request: RecordedRequest): RequestRecording {
  return { format: "elastic-attention-recording", version: 1, model, request, events: [] };
}

/** Until the server has said more. */
function unknownModel(name: string): RecordedModel {
  return { name, architecture: "", contextLength: 0, numLayers: 0, numQueryHeads: 0, numKeyValueHeads: 0, headDim: 0, dtype: "f32", backend: "", routerDescription: "" };
}
