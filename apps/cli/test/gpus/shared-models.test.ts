import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { MemoryScope } from "@elastic-attention/core";
import { registerModelFamilies } from "@elastic-attention/model-families";
import { registerLlama } from "@elastic-attention/model-llama";
import { registerQwen } from "@elastic-attention/model-qwen";
import { describe, expect, test } from "vitest";
import { randomCheckpoint } from "./random-checkpoint.js";

registerQwen();
registerLlama();
registerModelFamilies();

const program = fileURLToPath(new URL("rank-program.mjs", import.meta.url));
const file = (path: string) => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));
const demoModel = file("packages/demo-model/model");
const built = existsSync(file("packages/distributed/build/Release/elastic_attention_ranks.node")) && existsSync(file("packages/transformer/dist/index.js"));
// Without vitest's own conditions, as a user runs it.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS"));

interface Computed {
  readonly rows: readonly (readonly number[])[];
  readonly routing: unknown;
  readonly error?: string;
}

interface Model {
  readonly path: string;
  readonly router?: string;
  readonly weights?: string;
  /** Bytes that the last rank has besides its weights. */
  readonly limit?: number;
  readonly fullShares?: readonly (readonly number[])[];
}

interface Run {
  readonly size: number;
  readonly backend: string;
  readonly dtype: string;
  readonly models: readonly Model[];
}

/** What so many ranks compute of each model; every rank ends without memory left. */
async function compute({ size, ...run }: Run): Promise<readonly Computed[]> {
  const group = `gpus-test-${randomUUID()}`;
  const outputs = await Promise.all(
    Array.from({ length: size }, async (_, rank) => {
      const child = spawn(process.execPath, [program, JSON.stringify({ ...run, group, rank, size })], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
      let [text, errors] = ["", ""];
      child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
      child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
      await new Promise((resolve) => child.once("close", resolve));
      if (!text.startsWith("{")) throw new Error(`Rank ${rank} printed no result: ${errors}`);
      return (JSON.parse(text) as { results: readonly (Computed & { liveAllocations?: number })[] }).results;
    }),
  );
  for (const results of outputs) expect(results.at(-1)).toEqual({ liveAllocations: 0 });
  return outputs[0]!.slice(0, -1);
}

/** Largest difference over the largest number. */
function difference(actual: Computed, expected: Computed): number {
  expect(actual.error).toBe(expected.error);
  expect(actual.rows.map(({ length }) => length)).toEqual(expected.rows.map(({ length }) => length));
  const [a, b] = [actual.rows.flat(), expected.rows.flat()];
  const largest = Math.max(...b.map(Math.abs));
  return Math.max(...a.map((value, index) => Math.abs(value - b[index]!))) / largest;
}

const families: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  ["LlamaForCausalLM", {}],
  ["Qwen2ForCausalLM", { tie_word_embeddings: true }],
  ["Qwen3ForCausalLM", {}],
  ["MixtralForCausalLM", { num_local_experts: 4, num_experts_per_tok: 2 }],
  ["GptOssForCausalLM", { num_local_experts: 4, num_experts_per_tok: 2, sliding_window: 8, layer_types: ["sliding_attention", "full_attention"] }],
  ["Phi3ForCausalLM", { sliding_window: null }],
  ["Gemma2ForCausalLM", { sliding_window: 16, hidden_activation: "gelu_pytorch_tanh", hidden_act: "gelu_pytorch_tanh" }],
  ["Cohere2ForCausalLM", { layer_norm_eps: 1e-5, logit_scale: 0.25, sliding_window: 16, sliding_window_pattern: 2 }],
  // Of four ranks two share each head.
  ["GraniteForCausalLM", { num_key_value_heads: 2, embedding_multiplier: 4, attention_multiplier: 0.1, residual_multiplier: 0.3, logits_scaling: 4 }],
  ["NemotronForCausalLM", { norm_eps: 1e-5, hidden_act: "relu2", attention_bias: true, mlp_bias: true }],
];

describe.skipIf(!built)(`models that several ranks have together${built ? "" : " (skipped: build first)"}`, () => {
  test("of every kind compute what one rank does, on 2 and 4", { timeout: 120_000 }, async () => {
    using folders = new MemoryScope();
    // Every other model with heads that are not placed one after another.
    const fullShares = [[0, 1, 1, 0], [1, 0, 0.5, 0.5]];
    const placed = (index: number, config: Readonly<Record<string, unknown>>) => (index % 2 === 0 && !("num_key_value_heads" in config) ? { fullShares } : {});
    const models = families.map(([architecture, config], index) => ({ path: folders.track(randomCheckpoint(architecture, config)).path, router: "static", ...placed(index, config) }));
    const run = { backend: "cpu", dtype: "f32", models };
    const alone = await compute({ ...run, size: 1 });
    expect(alone.map(({ error }) => error)).toEqual(families.map(() => undefined));
    for (const size of [2, 4]) {
      const together = await compute({ ...run, size });
      for (const [index, [name]] of families.entries()) {
        // Sums over ranks come in another order.
        expect([size, name, difference(together[index]!, alone[index]!) < 2e-5]).toEqual([size, name, true]);
        expect(together[index]!.routing).toEqual(alone[index]!.routing);
      }
    }
  });

  test("route as one rank does: learned routers, and under a dial", { timeout: 120_000 }, async () => {
    const run = { backend: "cpu", dtype: "f32", models: ["learned", "dial"].map((router) => ({ path: demoModel, router })) };
    const [alone, together] = [await compute({ ...run, size: 1 }), await compute({ ...run, size: 2 })];
    expect(together.map(({ routing }) => routing)).toEqual(alone.map(({ routing }) => routing));
    for (const [index, computed] of together.entries()) expect(difference(computed, alone[index]!)).toBeLessThan(2e-5);
  });

  test("compute in bf16 and on quantised weights to their rounding", { timeout: 120_000 }, async () => {
    using folder = randomCheckpoint("Qwen3ForCausalLM", { hidden_size: 64, intermediate_size: 512, torch_dtype: "bfloat16" });
    const models = [{ path: folder.path }, { path: folder.path, weights: "q8_0" }];
    const [alone, together] = [await compute({ size: 1, backend: "cpu", dtype: "bf16", models }), await compute({ size: 2, backend: "cpu", dtype: "bf16", models })];
    // A sum is rounded to bf16 (2^-9) before it joins the residual stream.
    for (const [index, computed] of together.entries()) expect(difference(computed, alone[index]!)).toBeLessThan(0.03);
  });

  test("are computed or refused whatever memory one of the ranks has, and nothing of them stays", { timeout: 120_000 }, async () => {
    // From hardly any to enough: it fails before the prompt, in the middle of a layer, or in a step.
    const limits = [2e5, 2e6, 3.5e6, 4e7];
    const models = limits.map((limit) => ({ path: demoModel, router: "learned", limit }));
    const together = await compute({ size: 2, backend: "cpu", dtype: "f32", models });
    for (const { error } of together) expect(error ?? "OutOfMemoryError").toMatch(/^OutOfMemoryError/);
    expect(together.map(({ error }) => error === undefined)).toEqual(expect.arrayContaining([true, false]));
    expect([together[0]!.error === undefined, together.at(-1)!.error]).toEqual([false, undefined]);
  });

  test("are refused on all ranks where they cannot be divided, and the ranks go on", { timeout: 120_000 }, async () => {
    using olmo = randomCheckpoint("Olmo2ForCausalLM");
    using fits = randomCheckpoint("LlamaForCausalLM", { num_attention_heads: 6, num_key_value_heads: 3 });
    const models = [{ path: demoModel }, { path: olmo.path }, { path: fits.path }];
    const [heads, norms, computed] = await compute({ size: 3, backend: "reference", dtype: "f32", models });
    expect(heads!.error).toMatch(/InvalidOptionError: 4 key-value heads with 8 query heads cannot be shared by 3 ranks\.[^]*Take 1, 2, 4, 8/);
    expect(norms!.error).toMatch(/InvalidOptionError: /);
    const [alone] = await compute({ size: 1, backend: "reference", dtype: "f32", models: [{ path: fits.path }] });
    expect(difference(computed!, alone!)).toBeLessThan(2e-5);
  });
});
