import { demoModelDirectory } from "@elastic-attention/demo-model";
import { createCpuBackend } from "@elastic-attention/cpu";
import { createCudaBackend, cudaProblems } from "@elastic-attention/cuda";
import { LocalEngine, type ModeName } from "@elastic-attention/generation";
import { registerLlama } from "@elastic-attention/model-llama";
import { registerQwen } from "@elastic-attention/model-qwen";
import type { Backend, FloatDType } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";

registerLlama();
registerQwen();

/** A secret in a long, dull text, and a question for it. */
function prompt(sentences: number): string {
  const dull = ["The sea was calm that day.", "Nobody spoke of the weather.", "A gull sat on the mast.", "The captain read his book."];
  const text = Array.from({ length: sentences }, (_, index) => dull[(index * 7) % dull.length]!);
  text.splice(Math.floor(sentences / 3), 0, "The special magic number for Ahab is 48213.");
  return `${text.join(" ")}\nWhat is the special magic number for Ahab?`;
}

async function answer(backend: Backend, dtype: FloatDType, mode: ModeName, sentences: number): Promise<string> {
  await using engine = await LocalEngine.load({ path: demoModelDirectory(), backend, dtype });
  const content = prompt(sentences);
  for await (const event of engine.generate({ messages: [{ role: "user", content }], mode, maxNewTokens: 24 })) {
    if (event.type === "finish") return event.text;
  }
  throw new Error("The engine ended without a finish.");
}

const problems = cudaProblems();
if (problems.length > 0) {
  test.skip(`the demo model on cuda is not tested here: ${problems.join("; ")}`, () => {});
} else {
  describe("greedy text of the demo model on cuda equals the cpu's", () => {
    for (const dtype of ["f32", "bf16"] as const) {
      for (const mode of ["full", "fa-ssa", "fa-xa", "xa-ssa"] as const) {
        for (const sentences of [3, 60, 500]) {
          test(`${dtype}, ${mode}, ${sentences} sentences`, async () => {
            using cpu = createCpuBackend();
            using cuda = createCudaBackend();
            expect(await answer(cuda, dtype, mode, sentences)).toBe(await answer(cpu, dtype, mode, sentences));
            expect(cuda.memory().liveAllocations).toBe(0);
          });
        }
      }
    }
  });
}
