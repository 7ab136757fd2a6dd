import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCpuBackend } from "@elastic-attention/cpu";
import { type GenerationRequest, LocalEngine } from "@elastic-attention/generation";
import { SafetensorsFile } from "@elastic-attention/tensor";
import { afterAll, describe, expect, test } from "vitest";
import { caseNumbers, fixtureFolder, sharedData } from "./fixture-cases.js";

const temporary = mkdtempSync(join(tmpdir(), "gguf-text-"));

afterAll(() => rmSync(temporary, { recursive: true, force: true }));

/** Ids and text of an answer. */
async function answer(engine: LocalEngine, request: GenerationRequest): Promise<{ tokens: number[]; text: string; reason: string }> {
  const tokens: number[] = [];
  let [text, reason] = ["", ""];
  for await (const event of engine.generate(request)) {
    if (event.type === "token") {
      tokens.push(event.id);
      text += event.text;
    }
    if (event.type === "finish") reason = event.reason;
  }
  return { tokens, text, reason };
}

describe("the engine over a GGUF file", () => {
  const folder = fixtureFolder(join("gguf", "qwen3-q8_0-split"))!;

  test("is loaded by any part and answers with the file's own tokenizer", async () => {
    using backend = createCpuBackend();
    await using engine = await LocalEngine.load({ path: join(folder, "model-00002-of-00002.gguf"), backend, dtype: "f32" });
    using golden = SafetensorsFile.open(join(folder, "case.safetensors"));
    const greedy = Array.from(caseNumbers(golden, "greedy"));
    expect(engine.model).toMatchObject({ architecture: "Qwen3ForCausalLM", dtype: "f32", hasChatTemplate: true, name: "model-00002-of-00002.gguf" });
    const { tokens, text } = await answer(engine, { tokens: Array.from(caseNumbers(golden, "prompt")), maxNewTokens: greedy.length });
    const end = greedy.findIndex((token) => token === 511 || token === 509);
    expect(tokens.filter((token) => token < 509)).toEqual(end < 0 ? greedy : greedy.slice(0, end));
    expect(text).toBe(engine.tokenizer.decode(tokens));
    const asked = await engine.tokenize({ messages: [{ role: "user", content: "Hi" }] });
    expect(engine.tokenizer.decode(asked, { skipSpecialTokens: false })).toMatch(/<\|im_start\|>user\nHi<\|im_end\|>\n<\|im_start\|>assistant\n$/);
  });

  test("computes in bf16 unless told otherwise", async () => {
    using backend = createCpuBackend();
    await using engine = await LocalEngine.load({ path: join(folder, "model-00001-of-00002.gguf"), backend });
    expect(engine.model.dtype).toBe("bf16");
    const { tokens } = await answer(engine, { prompt: "The", maxNewTokens: 4 });
    expect(tokens.length).toBeGreaterThan(0);
  });

  test("refuses a tokenizer that it does not know before weights are read", async () => {
    const path = join(temporary, "unknown.gguf");
    const original = readFileSync(join(fixtureFolder(join("gguf", "llama3-rope-q4_0"))!, "model.gguf"));
    const changed = Buffer.from(original);
    changed.write("llama-bqe", original.indexOf("llama-bpe"));
    writeFileSync(path, changed);
    using backend = createCpuBackend();
    let layers = 0;
    await expect(LocalEngine.load({ path, backend, onProgress: () => layers++ })).rejects.toThrow(/tokenizer.ggml.pre must be one of .*found "llama-bqe"/);
    expect({ layers, bytes: backend.memory().liveBytes }).toEqual({ layers: 0, bytes: 0 });
  });

  const smollm2 = sharedData("smollm2");
  test.skipIf(smollm2 === undefined)("gives SmolLM2's answer, and ends it", { timeout: 120_000 }, async () => {
    using backend = createCpuBackend();
    await using engine = await LocalEngine.load({ path: join(smollm2!, "SmolLM2-135M-Instruct.Q4_1.gguf"), backend, dtype: "f32" });
    const messages = [
      { role: "system", content: "You answer in one short sentence." },
      { role: "user", content: "What is the capital of France, and which river flows through it?" },
    ] as const;
    const { text, reason } = await answer(engine, { messages, maxNewTokens: 40 });
    expect({ text, reason }).toEqual({ text: "The capital of France is Paris, not France itself.", reason: "end-of-text" });
  });
});
