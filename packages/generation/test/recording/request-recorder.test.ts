import { ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { type GenerationRequest, LocalEngine, type RecordedEvent, RequestRecorder } from "../../src/index.js";
import { writeTinyModel } from "../doubles/tiny-model.js";

const heads = { version: 1, description: "", scores: [[3, 1], [2, 0], [5, 4]], sparsity: 0.5 };

async function withRecorder(request: GenerationRequest, work: (recorder: RequestRecorder, engine: LocalEngine) => Promise<void>): Promise<void> {
  using folder = writeTinyModel({ heads });
  using backend = new ReferenceBackend();
  await using engine = await LocalEngine.load({ path: folder.path, backend });
  await work(new RequestRecorder(engine.model, request, ["a", "b"]), engine);
}

describe("a recorder", () => {
  test("takes down every event with its time and passes it on, and the heads of each layer as the report has them", async () => {
    const request = { prompt: "word ".repeat(40), maxNewTokens: 3 };
    await withRecorder(request, async (recorder, engine) => {
      const seen: string[] = [];
      for await (const event of recorder.record(engine.generate(request))) seen.push(event.type);
      const { events, model, request: asked, promptPieces } = recorder.recording;
      expect(events.map(({ type }) => type)).toEqual(seen);
      expect(model).toMatchObject({ numLayers: 3, numKeyValueHeads: 2 });
      expect(asked).toEqual({ maxNewTokens: 3 });
      expect(promptPieces).toEqual(["a", "b"]);
      expect(events.every(({ at }, index) => at >= (events[index - 1]?.at ?? 0))).toBe(true);
      const last = events.at(-1)!;
      if (last.type !== "finish") throw new Error(last.type);
      expect(last).not.toHaveProperty("text");
      expect(events.flatMap((event) => (event.type === "progress" && event.heads !== undefined ? [event.heads] : []))).toEqual(last.report.headMap);
      expect(last.report.headMap.flat()).toContain(1);
      expect(JSON.parse(JSON.stringify(recorder.recording))).toEqual(recorder.recording);
    });
  });

  test("tells a late watcher everything from the beginning", async () => {
    const request = { prompt: "Hello world", maxNewTokens: 3 };
    await withRecorder(request, async (recorder, engine) => {
      const late: RecordedEvent[] = [];
      let end = () => {};
      for await (const { type } of recorder.record(engine.generate(request))) if (type === "token" && late.length === 0) end = recorder.watch((event) => late.push(event));
      end();
      expect(late).toEqual(recorder.recording.events);
    });
  });

  test("takes down an error before its reader gets it", async () => {
    const request = { prompt: "Hello", stop: [""] };
    await withRecorder(request, async (recorder, engine) => {
      await expect(async () => {
        for await (const event of recorder.record(engine.generate(request))) expect(event).toBeUndefined();
      }).rejects.toThrow("stop");
      expect(recorder.recording.events).toMatchObject([{ type: "error", name: "InvalidRequestError" }]);
    });
  });
});
