import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SafetensorsFile, type TensorSource, writeSafetensors } from "@elastic-attention/tensor";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { GenerationRequest, LocalEngine, LocalEngineOptions } from "../../src/index.js";
import { savedSessionPath } from "../../src/session/saved/saved-session.js";
import { answer, someTokens, withRunningEngine } from "../doubles/running-engine.js";

const heads = { version: 1, description: "", scores: [[3, 1], [2, 0], [5, 4]], sparsity: 0.5 };
const options = { heads, contextLength: 400 };

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "elastic-session-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A turn in a session, whose engine saves it. */
async function saved(settings: GenerationRequest, isPaged: boolean, name = "talk", engineSettings: Partial<LocalEngineOptions> = {}): Promise<readonly number[]> {
  const tokens = someTokens(140);
  let given: readonly number[] = [];
  await withRunningEngine(options, engineSettings, async (engine) => {
    given = (await answer(engine, { tokens, maxNewTokens: 5, session: name, ...settings })).tokens;
    await engine.saveSession(name, folder);
  }, isPaged);
  return [...tokens, ...given];
}

describe.each([["pages", true], ["tensors of their own", false]])("a saved session whose keys lay in %s", (_, isPaged) => {
  test.each<[string, GenerationRequest]>([
    ["every head full", { mode: "full" }],
    ["half of the heads streaming", { sparsity: 0.5 }],
    ["heads that decode over everything", { sparsity: 0.5, decode: "full" }],
  ])("goes on in another process as if it had never been away: %s", async (_name, settings) => {
    const before = await saved(settings, isPaged);
    const next = { tokens: [...before, ...someTokens(20, 3)], maxNewTokens: 6, session: "talk", ...settings };
    let kept: Awaited<ReturnType<typeof answer>> | undefined;
    await withRunningEngine(options, {}, async (engine) => {
      await answer(engine, { tokens: someTokens(140), maxNewTokens: 5, session: "talk", ...settings });
      kept = await answer(engine, next);
    }, isPaged);
    await withRunningEngine(options, {}, async (engine) => {
      await engine.restoreSession("talk", folder);
      expect((await engine.report()).idleSessions).toBe(1);
      const restored = await answer(engine, next);
      expect(restored.tokens).toEqual(kept!.tokens);
      expect(restored.finish.report).toMatchObject({ reusedTokens: 144, headMap: kept!.finish.report.headMap });
    }, isPaged);
  });
});

test.each(["fp8", "q8_0"] as const)("a saved session of a cache in %s goes on with the same bits, and is another type's no more", async (cacheType) => {
  const settings = { sparsity: 0.5 } as const;
  const before = await saved(settings, true, "talk", { cacheType });
  const next = { tokens: [...before, ...someTokens(20, 3)], maxNewTokens: 6, session: "talk", ...settings };
  const answers: Awaited<ReturnType<typeof answer>>[] = [];
  await withRunningEngine(options, { cacheType }, async (engine) => {
    await answer(engine, { tokens: someTokens(140), maxNewTokens: 5, session: "talk", ...settings });
    answers.push(await answer(engine, next));
  }, true);
  await withRunningEngine(options, { cacheType }, async (engine) => {
    await engine.restoreSession("talk", folder);
    answers.push(await answer(engine, next));
  }, true);
  expect(answers[1]!.tokens).toEqual(answers[0]!.tokens);
  if (cacheType === "fp8") return;
  await withRunningEngine(options, { dtype: "bf16" }, async (engine) => {
    await expect(engine.restoreSession("talk", folder)).rejects.toThrow(/another type/);
  }, true);
});

test("no name leads out of the folder, and each has a file of its own", async () => {
  const names = ["../../etc/passwd", "a/b", "", ".", "con", "a\u0000b", "x".repeat(5000)].filter((name) => name !== "");
  await withRunningEngine(options, {}, async (engine) => {
    for (const session of names) {
      await answer(engine, { tokens: someTokens(9), maxNewTokens: 1, session });
      await engine.saveSession(session, join(folder, "new", "folder"));
    }
    expect(readdirSync(folder)).toEqual(["new"]);
    expect(readdirSync(join(folder, "new", "folder")).filter((file) => /^[0-9a-f]{64}\.session\.safetensors$/.test(file)).length).toBe(names.length);
    for (const name of names) await engine.restoreSession(name, join(folder, "new", "folder"));
  });
});

describe("a session that cannot be", () => {
  test("saved is refused by name: unknown, or while it answers", async () => {
    await withRunningEngine(options, {}, async (engine) => {
      await expect(engine.saveSession("nobody", folder)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
      for await (const event of engine.generate({ tokens: someTokens(9), maxNewTokens: 200, session: "talk" })) {
        if (event.type !== "token") continue;
        await expect(engine.saveSession("talk", folder)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
        await expect(engine.restoreSession("talk", folder)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
        break;
      }
      expect(readdirSync(folder)).toEqual([]);
      // A file where the folder should be.
      writeFileSync(join(folder, "file"), "");
      await expect(engine.saveSession("talk", join(folder, "file"))).rejects.toMatchObject({ code: "FILE_WRITE" });
    });
  });

  test("restored leaves what was there: no file, a link, a folder, another session's file, another model's", async () => {
    await saved({ mode: "full" }, true);
    const path = savedSessionPath(folder, "talk");
    await withRunningEngine(options, {}, async (engine) => {
      const expectRefusal = (name: string) => expect(engine.restoreSession(name, folder)).rejects.toMatchObject({ code: "SAVED_SESSION" });
      await answer(engine, { tokens: someTokens(9), maxNewTokens: 1, session: "mine" });
      await expectRefusal("mine");
      symlinkSync(path, savedSessionPath(folder, "link"));
      await expectRefusal("link");
      mkdirSync(savedSessionPath(folder, "folder"));
      await expectRefusal("folder");
      writeFileSync(savedSessionPath(folder, "other"), readFileSync(path));
      await expectRefusal("other");
      expect((await engine.report()).idleSessions).toBe(1);
    });
    await withRunningEngine({ ...options, contextLength: 401 }, {}, async (engine) => {
      await expect(engine.restoreSession("talk", folder)).rejects.toThrow(/another model/);
    });
  });
});

describe("a hostile file", () => {
  type Session = Record<string, unknown>;
  const numbers = (values: unknown) => values as number[];
  const changes: [string, (session: Session) => Session][] = [
    ["tokens outside the vocabulary", (session) => ({ ...session, cachedTokens: numbers(session["cachedTokens"]).map(() => 1e6) })],
    ["more tokens than it has keys of", (session) => ({ ...session, cachedTokens: [...numbers(session["cachedTokens"]), 1] })],
    ["more tokens than the context", (session) => ({ ...session, cachedTokens: Array.from({ length: 1e5 }, () => 1) })],
    ["no tokens", (session) => ({ ...session, cachedTokens: [] })],
    ["fractions", (session) => ({ ...session, routedTokens: 1.5 })],
    ["many pending tokens", (session) => ({ ...session, pendingTokens: [1, 2, 3] })],
    ["a mode that nobody knows", (session) => ({ ...session, modes: (session["modes"] as { kind: string }[][]).map((layer) => layer.map(() => ({ kind: "evil" }))) })],
    ["a mode with a window of nothing", (session) => ({ ...session, modes: (session["modes"] as { kind: string }[][]).map((layer) => layer.map(() => ({ kind: "streaming", sinkTokens: -1, localTokens: 0, blockSize: 0 }))) })],
    ["fewer layers", (session) => ({ ...session, modes: (session["modes"] as unknown[]).slice(1) })],
    ["positions twice", (session) => ({ ...session, held: (session["held"] as unknown[][]).map((layer) => layer.map(() => [[0, 100], [50, 144]])) })],
    ["positions beyond the end", (session) => ({ ...session, held: (session["held"] as unknown[][]).map((layer) => layer.map(() => [[0, 1e9]])) })],
    ["a plan for other heads", (session) => ({ ...session, assignment: [[0, 0, 0]] })],
    ["no name", (session) => ({ ...session, name: 7 })],
    ["a list", () => [] as unknown as Session],
  ];

  async function withFile(change: (metadata: Record<string, string>, tensors: Map<string, TensorSource>) => void, work: (engine: LocalEngine) => Promise<void>): Promise<void> {
    await saved({ mode: "full" }, true);
    const path = savedSessionPath(folder, "talk");
    const tensors = new Map<string, TensorSource>();
    let metadata: Record<string, string>;
    {
      using file = SafetensorsFile.open(path);
      metadata = Object.fromEntries(file.metadata);
      for (const [name, { type, shape }] of file.tensors) {
        const bytes = file.read(name);
        tensors.set(name, { type, shape, bytes: () => bytes });
      }
    }
    change(metadata, tensors);
    writeSafetensors(path, tensors, metadata);
    await withRunningEngine(options, {}, work, true);
  }

  test.each(changes)("with %s is refused", async (_name, change) => {
    await withFile(
      (metadata) => (metadata["session"] = JSON.stringify(change(JSON.parse(metadata["session"]!) as Session))),
      async (engine) => expect(engine.restoreSession("talk", folder)).rejects.toMatchObject({ code: "SAVED_SESSION" }),
    );
  });

  test.each<[string, (metadata: Record<string, string>, tensors: Map<string, TensorSource>) => void]>([
    ["another version", (metadata) => (metadata["version"] = "2")],
    ["another format", (metadata) => delete metadata["format"]],
    ["text that is not JSON", (metadata) => (metadata["session"] = "{")],
    ["a tensor too few", (_, tensors) => tensors.delete("layers.1.keys")],
    ["a tensor too many", (_, tensors) => tensors.set("layers.9.keys", tensors.get("layers.1.keys")!)],
  ])("with %s is refused", async (_name, change) => {
    await withFile(change, async (engine) => expect(engine.restoreSession("talk", folder)).rejects.toMatchObject({ code: "SAVED_SESSION" }));
  });

  test("that ends early, or is any bytes, is refused, and the next request works", async () => {
    await saved({ mode: "full" }, true);
    const path = savedSessionPath(folder, "talk");
    const bytes = readFileSync(path);
    await withRunningEngine(options, {}, async (engine) => {
      for (const cut of [0, 7, 100, 5000, bytes.length - 1]) {
        writeFileSync(path, bytes.subarray(0, cut));
        await expect(engine.restoreSession("talk", folder)).rejects.toMatchObject({ code: "SAVED_SESSION" });
      }
      expect((await answer(engine, { tokens: someTokens(9), maxNewTokens: 2, session: "talk" })).tokens.length).toBeGreaterThan(0);
    }, true);
  });
});
