import { ConstantRouter } from "@elastic-attention/router";
import { ReferenceBackend, referenceProvider, registerBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { type Engine, type GenerationEvent, type GenerationRequest, LocalEngine } from "../../src/index.js";
import { withRunningEngine } from "../doubles/running-engine.js";
import { type TinyModelOptions, writeTinyModel } from "../doubles/tiny-model.js";

registerBackend(referenceProvider);

async function withEngine(options: TinyModelOptions, work: (engine: LocalEngine) => Promise<void>): Promise<void> {
  using folder = writeTinyModel(options);
  using backend = new ReferenceBackend();
  const engine = await LocalEngine.load({ path: folder.path, backend });
  const loaded = backend.memory().liveAllocations;
  await work(engine);
  // Requests leave at most the rope tables behind.
  expect(backend.memory().liveAllocations - loaded).toBeLessThanOrEqual(2);
  await engine[Symbol.asyncDispose]();
  expect(backend.memory().liveAllocations).toBe(0);
}

async function events(engine: Engine, request: GenerationRequest): Promise<GenerationEvent[]> {
  const all: GenerationEvent[] = [];
  for await (const event of engine.generate(request)) all.push(event);
  return all;
}

async function finish(engine: Engine, request: GenerationRequest) {
  const last = (await events(engine, request)).at(-1)!;
  if (last.type !== "finish") throw new Error(`the last event is ${last.type}`);
  return last;
}

const heads = { version: 1, description: "", scores: [[3, 1], [2, 0], [5, 4]], sparsity: 0.5 };

describe("a request", () => {
  test("tells progress, tokens and the end, in this order; the texts join to the whole", async () => {
    await withEngine({}, async (engine) => {
      const all = await events(engine, { prompt: "Hello world", maxNewTokens: 6 });
      const types = all.map(({ type }) => type).join(" ");
      expect(types).toMatch(/^(progress ){3}(token ){1,6}finish$/);
      const text = all.flatMap((event) => (event.type === "token" ? [event.text] : [])).join("");
      expect(all.at(-1)).toMatchObject({ type: "finish", text });
    });
  });

  test("is the same every time when greedy, and under the same seed when drawn", async () => {
    await withEngine({}, async (engine) => {
      const tokens = async (request: GenerationRequest) =>
        (await events(engine, { prompt: "The sea", maxNewTokens: 8, ...request })).flatMap((event) => (event.type === "token" ? [event.id] : []));
      expect(await tokens({})).toEqual(await tokens({}));
      const drawn = (seed: number) => tokens({ sampling: { temperature: 1.5, topK: 100, topP: 0.95, seed } });
      expect(await drawn(1)).toEqual(await drawn(1));
      expect(await drawn(1)).not.toEqual(await drawn(2));
    });
  });

  test("is routed by a router of the caller's own", async () => {
    await withEngine({ heads }, async (engine) => {
      const tokens = engine.tokenizer.encode("word ".repeat(40));
      const router = new ConstantRouter({ kind: "streaming", sinkTokens: 4, localTokens: 8, blockSize: 4 }, { kind: "full" });
      const { report } = await finish(engine, { tokens, maxNewTokens: 2, router });
      expect([report.modelSparsity, report.modes]).toEqual([1, ["FA", "SSA"]]);
      await expect(finish(engine, { tokens, router, sparsity: 0.5 })).rejects.toThrow(/either a router, or mode and sparsity/);
    });
  });

  test("meets the sparsity that is asked for, and reports it", async () => {
    await withEngine({ heads }, async (engine) => {
      const { tokenizer } = engine;
      const tokens = tokenizer.encode("word ".repeat(40));
      for (const sparsity of [0, 0.5, 1]) {
        const { report } = await finish(engine, { tokens, maxNewTokens: 2, sparsity });
        expect(report.modelSparsity).toBe(sparsity);
        expect(report.headMap.flat().filter((mode) => mode === 1)).toHaveLength(6 * sparsity);
        expect(report.keyValueBytes <= report.fullKeyValueBytes).toBe(true);
        if (sparsity > 0) expect(report.keyValueBytes).toBeLessThan(report.fullKeyValueBytes);
      }
      const all = await finish(engine, { tokens, maxNewTokens: 2, mode: "full" });
      expect(all.report).toMatchObject({ modelSparsity: 0, effectiveSparsity: 0, modes: ["FA"] });
      const kept = await finish(engine, { tokens, maxNewTokens: 2, sparsity: 1, decode: "full" });
      expect(kept.report.keyValueBytes).toBe(kept.report.fullKeyValueBytes);
    });
  });

  test.each([["tensors of their own", false], ["pages", true]])("keeps no more of a short prompt with sparse heads than with full ones, in %s", async (_, isPaged) => {
    await withRunningEngine({ heads }, {}, async (running) => {
      // The window holds twelve tokens.
      const of = (sparsity: number) => finish(running, { tokens: [400, 500, 600], maxNewTokens: 3, sparsity });
      const [full, sparse] = [(await of(0)).report, (await of(1)).report];
      expect([sparse.keyValueBytes, sparse.fullKeyValueBytes]).toEqual([full.keyValueBytes, full.fullKeyValueBytes]);
      expect(full.keyValueBytes).toBe(full.fullKeyValueBytes);
      expect(full.keyValueBytes).toBe(running.pretrained.decoder.fullKeyValueBytes(isPaged ? 128 : 6));
    }, isPaged);
  });

  test("follows a trained router, dialled or not", async () => {
    await withEngine({ router: true }, async (engine) => {
      expect(engine.model.router).toBe("learned");
      const prompt = "word ".repeat(30);
      const { report } = await finish(engine, { prompt, maxNewTokens: 1, mode: "fa-ssa" });
      expect(report.modes).toEqual(["FA", "SSA"]);
      for (const sparsity of [0, 1 / 3, 1]) {
        expect((await finish(engine, { prompt, maxNewTokens: 1, sparsity })).report.modelSparsity).toBeCloseTo(sparsity, 6);
      }
    });
  });

  test("ends at a stop text without showing any of it", async () => {
    await withEngine({}, async (engine) => {
      const { text } = await finish(engine, { prompt: "Once", maxNewTokens: 12 });
      const stop = text.slice(5, 9);
      const stopped = await finish(engine, { prompt: "Once", maxNewTokens: 12, stop: [stop] });
      expect(stopped).toMatchObject({ reason: "stop", text: text.slice(0, text.indexOf(stop)) });
    });
  });

  test.each<[string, GenerationRequest]>([
    ["no input", {}],
    ["two inputs", { prompt: "a", tokens: [1] }],
    ["an empty prompt", { tokens: [] }],
    ["broken ids", { tokens: [1.5] }],
    ["ids outside the vocabulary", { tokens: [7, 4096] }],
    ["a role that is no text", { messages: [{ role: 5 as unknown as string, content: "a" }] }],
    ["tool arguments that are not JSON", { messages: [{ role: "assistant", content: "", tool_calls: [{ type: "function", function: { name: "f", arguments: "{city" } }] }] }],
    ["a switch that the template does not have", { messages: [{ role: "user", content: "a" }], chatTemplate: { thinking: false } }],
    ["options of a template and no messages", { prompt: "a", chatTemplate: { tools: [] } }],
    ["a context that is too short", { tokens: new Int32Array(129).fill(7) }],
    ["an unknown mode", { prompt: "a", mode: "sparse" as "full" }],
    ["a sparsity of 2", { prompt: "a", sparsity: 2 }],
    ["a sparsity without a router", { prompt: "a", sparsity: 0.5 }],
    ["sparse heads in full mode", { prompt: "a", mode: "full", sparsity: 0.5 }],
    ["an empty stop text", { prompt: "a", stop: [""] }],
    ["a negative temperature", { prompt: "a", sampling: { temperature: -1 } }],
    ["top-p of 2", { prompt: "a", sampling: { topP: 2 } }],
  ])("with %s is refused before any work", async (_name, request) => {
    await withEngine({}, async (engine) => {
      await expect(events(engine, request)).rejects.toMatchObject({ code: expect.stringMatching(/INVALID_REQUEST|PROMPT/) as string });
    });
  });

  test("can be aborted while it reads and while it writes", async () => {
    await withEngine({}, async (engine) => {
      for (const at of ["progress", "token"] as const) {
        const controller = new AbortController();
        let last: GenerationEvent | undefined;
        for await (const event of engine.generate({ prompt: "Hello there", maxNewTokens: 50, signal: controller.signal })) {
          if (event.type === at) controller.abort();
          last = event;
        }
        expect(last).toMatchObject({ type: "finish", reason: "aborted" });
      }
    });
  });

  test("gives its memory back when its reader leaves", async () => {
    await withEngine({}, async (engine) => {
      for await (const event of engine.generate({ prompt: "Hello", maxNewTokens: 50 })) if (event.type === "token") break;
      for await (const _event of engine.generate({ prompt: "Hello", maxNewTokens: 50 })) break;
      // withEngine counts what is left.
      expect(engine.backend.memory().liveBytes).toBeGreaterThan(0);
    });
  });

  test("runs beside others without mixing with them", async () => {
    await withEngine({ heads }, async (engine) => {
      const requests = ["one", "two words", "three more words"].map((prompt, i) => ({ prompt, maxNewTokens: 5, sparsity: i / 2 }));
      const alone = [];
      for (const request of requests) alone.push((await finish(engine, request)).text);
      const together = await Promise.all(requests.map((request) => finish(engine, request)));
      expect(together.map(({ text }) => text)).toEqual(alone);
    });
  });
});

test("a disposed engine refuses requests and fails running ones", async () => {
  using folder = writeTinyModel();
  const engine = await LocalEngine.load({ path: folder.path, backend: "reference" });
  const running = engine.generate({ prompt: "Hello", maxNewTokens: 50 });
  await running.next();
  await engine[Symbol.asyncDispose]();
  await expect((async () => { for await (const _event of running); })()).rejects.toMatchObject({ code: "DISPOSED" });
  await expect(events(engine, { prompt: "a" })).rejects.toMatchObject({ code: "DISPOSED" });
  for (const question of [() => engine.report(), () => engine.tokenize({ prompt: "a" }), () => engine.pieces(new Int32Array(1)), () => engine.closeSession("talk")]) {
    await expect(question()).rejects.toMatchObject({ code: "DISPOSED", message: expect.stringMatching(/^The engine/) as string });
  }
});

test("a folder without a model says what is missing", async () => {
  await expect(LocalEngine.load({ path: "/nonexistent", backend: "reference" })).rejects.toThrow(/nonexistent/);
  await expect(LocalEngine.load({ path: "/nonexistent", backend: "quantum" })).rejects.toMatchObject({ code: "BACKEND_UNAVAILABLE" });
});

test("gives a conversation as its template writes it, and tokens as text, special ones as they are written", async () => {
  using folder = writeTinyModel();
  await using engine = await LocalEngine.load({ path: folder.path, backend: "reference" });
  const messages = [{ role: "user", content: "Hello there" }];
  const text = await engine.render({ messages });
  expect(text).toContain("Hello there");
  const tokens = await engine.tokenize({ messages });
  expect(await engine.detokenize(tokens)).toBe(text);
  expect((await engine.pieces(tokens)).length).toBe(tokens.length);
  await expect(engine.render({ messages: [] })).rejects.toThrow(/at least one message/);
});

test("a prompt that is too long is refused with both counts, and so is an answer that does not fit", async () => {
  using folder = writeTinyModel({ contextLength: 32 });
  await using engine = await LocalEngine.load({ path: folder.path, backend: "reference" });
  const tokens = new Int32Array(40).fill(300);
  await expect(events(engine, { tokens })).rejects.toMatchObject({ name: "ContextLengthError", promptTokens: 40, contextLength: 32 });
  await expect(events(engine, { tokens: tokens.slice(8, 30), maxNewTokens: 20 })).rejects.toMatchObject({ promptTokens: 22, newTokens: 20, contextLength: 32 });
});

test("tells when a request has been checked, before anything is computed, and never of one that is refused", async () => {
  using folder = writeTinyModel();
  await using engine = await LocalEngine.load({ path: folder.path, backend: "reference" });
  const told: unknown[] = [];
  const request = { prompt: "Hello", maxNewTokens: 2, onAccepted: (promptTokens: number) => told.push(promptTokens) };
  for await (const event of engine.generate(request)) told.push(event.type);
  expect(told.slice(0, 2)).toEqual([(await engine.tokenize({ prompt: "Hello" })).length, "progress"]);
  told.length = 0;
  await expect(events(engine, { ...request, sparsity: 7 })).rejects.toThrow(/sparsity/);
  expect(told).toEqual([]);
});
