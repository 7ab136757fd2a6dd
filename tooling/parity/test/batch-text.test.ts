import { createCpuBackend } from "@elastic-attention/cpu";
import { demoModelDirectory } from "@elastic-attention/demo-model";
import { type GenerationRequest, LocalEngine } from "@elastic-attention/generation";
import { registerQwen } from "@elastic-attention/model-qwen";
import { expect, test } from "vitest";

registerQwen();

/** Token ids of a greedy answer. */
async function greedy(engine: LocalEngine, request: GenerationRequest): Promise<number[]> {
  const tokens: number[] = [];
  for await (const event of engine.generate(request)) if (event.type === "token") tokens.push(event.id);
  return tokens;
}

test.each(["f32", "bf16"] as const)("on the cpu backend in %s, greedy text is the same alone and in any batch", async (dtype) => {
  using backend = createCpuBackend();
  // Without a budget every slice of a prompt is followed by a token of all running answers.
  const engine = await LocalEngine.load({ path: demoModelDirectory(), backend, dtype, prefillBudgetMilliseconds: 0 });
  const prompts = ["The ship left", "Call me", "It was a cold and rainy night at sea when", "whale", "In the captain's cabin there", "Once"];
  const requests = prompts.map((prompt, index) => ({ prompt: prompt.repeat(1 + 7 * index), maxNewTokens: 16 - index, sparsity: (index % 3) / 2 }));
  const alone: number[][] = [];
  for (const request of requests) alone.push(await greedy(engine, request));
  for (const size of [2, 4, 6]) {
    expect(await Promise.all(requests.slice(0, size).map((request) => greedy(engine, request)))).toEqual(alone.slice(0, size));
  }
  await engine[Symbol.asyncDispose]();
  expect(backend.memory().liveAllocations).toBe(0);
});
