import type { RecordedEvent, RecordedModel, RecordedRequest, RequestRecording, RoutingReport } from "@elastic-attention/generation";

/** A run as far as its events have come: what the page draws. */
export interface Run {
  readonly model: RecordedModel;
  readonly request: RecordedRequest;
  readonly promptPieces: readonly string[] | undefined;
  readonly promptTokens: number;
  /** [layer][kvHead]: index of the head's mode, 0 is full attention; undefined for a layer that has not been read yet. */
  readonly layers: readonly (readonly number[] | undefined)[];
  /** Seconds at which each layer was done. */
  readonly layerTimes: readonly number[];
  readonly answer: string;
  /** Seconds at which each token came. */
  readonly tokenTimes: readonly number[];
  readonly end: RunEnd | undefined;
}

export type RunEnd =
  | { readonly type: "finish"; readonly reason: string; readonly report: RoutingReport; readonly at: number }
  | { readonly type: "error"; readonly message: string; readonly at: number };

export function emptyRun(model: RecordedModel, request: RecordedRequest, promptPieces?: readonly string[]): Run {
  const layers = Array.from({ length: model.numLayers }, () => undefined);
  return { model, request, promptPieces, promptTokens: promptPieces?.length ?? 0, layers, layerTimes: [], answer: "", tokenTimes: [], end: undefined };
}

export function runOf({ model, request, promptPieces, events }: RequestRecording): Run {
  return events.reduce(withEvent, emptyRun(model, request, promptPieces));
}

/** The run after one more event. */
export function withEvent(run: Run, event: RecordedEvent): Run {
  switch (event.type) {
    case "progress": {
      const { heads } = event;
      // In between, a layer that takes long is told of without heads.
      if (heads === undefined) return { ...run, promptTokens: event.promptTokens };
      const layers = run.layers.map((known, layer) => (layer === event.layersDone - 1 ? heads : known));
      return { ...run, promptTokens: event.promptTokens, layers, layerTimes: [...run.layerTimes, event.at] };
    }
    case "token":
      return { ...run, answer: run.answer + event.text, tokenTimes: [...run.tokenTimes, event.at] };
    case "finish": {
      const { reason, report, at } = event;
      const layers = report.headMap.length > 0 ? report.headMap : run.layers;
      return { ...run, layers, promptTokens: report.promptTokens, end: { type: "finish", reason, report, at } };
    }
    case "error":
      return { ...run, end: { type: "error", message: event.message, at: event.at } };
  }
}

/** Share of the heads that have been decided which are not full; undefined before the first. */
export function sparsityOf({ layers, end }: Run): number | undefined {
  if (end?.type === "finish") return end.report.modelSparsity;
  const heads = layers.flatMap((layer) => layer ?? []);
  return heads.length === 0 ? undefined : heads.filter((mode) => mode > 0).length / heads.length;
}

/** What the run's request was, in a few words. */
export function runTitle({ request }: Run): string {
  const mode = request.mode ?? "The model's own modes";
  return request.sparsity === undefined ? mode : `${mode}, ${Math.round(request.sparsity * 100)}% sparse`;
}

/** Labels of the modes in the head map; before the report has them, by number. */
export function modeLabels({ layers, end }: Run): readonly string[] {
  if (end?.type === "finish") return end.report.modes;
  const most = Math.max(0, ...layers.flatMap((layer) => layer ?? []));
  return ["full", "sparse", ...Array.from({ length: Math.max(0, most - 1) }, (_, index) => `mode ${index + 2}`)].slice(0, most + 1);
}
