import { InvalidOptionError, ModelConfigError, OutOfMemoryError } from "@elastic-attention/core";
import { type BlockWeights, ReferenceBackend, weightByteLength, weightFormat } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { checkModel, openModelFiles, predictWeightBytes, PretrainedModel, type WeightChoice, WeightPlan } from "../src/index.js";
import { classAdapter, tinyGguf, type TinyGgufOptions } from "./gguf/tiny-gguf.js";

/** One byte a weight and one for each format that is joined: figures that a test can follow. */
const blockWeights: BlockWeights = {
  formats: ["Q8_0", "Q4_0"],
  packedBytes: (matrices, inFeatures) => matrices.reduce((sum, { rows }) => sum + rows * inFeatures + 1, 0),
};
const cpu = { name: "cpu", blockWeights };

/** A tensor in blocks of small scales. */
function blocks(type: string, rows: number, columns: number) {
  const format = weightFormat(type, "test");
  const bytes = new Uint8Array(weightByteLength(format, rows * columns)).fill(1);
  return { type, shape: [rows, columns], bytes };
}

const quantisedLayer: TinyGgufOptions = { tensors: { "blk.0.attn_q.weight": blocks("Q8_0", 64, 32), "blk.0.attn_k.weight": blocks("Q4_0", 32, 32), "blk.0.attn_v.weight": blocks("Q8_0", 32, 32) } };

function planOf(options: TinyGgufOptions, weights: WeightChoice | "automatic", backend: { name: string; blockWeights?: BlockWeights } = cpu, dtype: "f32" | "bf16" = "f32"): WeightPlan & { readonly plainBytes: number } {
  using model = tinyGguf(options);
  using files = openModelFiles(model.file);
  const { adapter, spec } = checkModel(files, classAdapter);
  return Object.assign(WeightPlan.of({ checkpoint: files.checkpoint, adapter, spec, dtype, backend, weights }), { plainBytes: predictWeightBytes(spec, dtype) });
}

const queryKeyValue = ["q", "k", "v"].map((name) => `model.layers.0.self_attn.${name}_proj.weight`);

describe("what matrices are kept in", () => {
  test("is the file's blocks where the backend computes on them, the tensors of a weight together", () => {
    for (const choice of ["stored", "automatic"] as const) {
      const plan = planOf(quantisedLayer, choice);
      expect(plan.formatsOf(queryKeyValue)).toEqual(["Q8_0", "Q4_0", "Q8_0"]);
      expect(plan.formatsOf(["model.layers.0.self_attn.o_proj.weight"])).toBeUndefined();
      expect([plan.text, plan.note]).toEqual(["Q4_0, Q8_0", undefined]);
      expect(plan.byteLength).toBe(plan.plainBytes - 128 * 32 * 4 + 128 * 32 + 3);
    }
  });

  test("is the file's blocks for the table of embeddings where tokens are embedded from them, once where the head is tied to it", () => {
    const table = { "token_embd.weight": blocks("Q8_0", 50, 32) };
    const embeds = { name: "cpu", blockWeights: { ...blockWeights, embeds: true } };
    const [tied, without] = [planOf({ tied: true, tensors: table }, "stored", embeds), planOf({ tied: true, tensors: table }, "stored", cpu)];
    expect([tied.embedsBlocks, without.embedsBlocks]).toEqual([true, false]);
    expect(without.byteLength - tied.byteLength).toBe(50 * 32 * 4);
    const untied = planOf({ tensors: table }, "stored", embeds);
    expect(untied.formatsOf(["model.embed_tokens.weight"])).toEqual(["Q8_0"]);
    expect(untied.byteLength).toBe(untied.plainBytes - 50 * 32 * 4 + 50 * 32 + 1);
    expect(planOf({ tensors: table }, "unpacked", embeds).embedsBlocks).toBe(false);
  });

  test("is floats for a weight of which one tensor is not in blocks", () => {
    const plan = planOf({ tensors: { "blk.0.attn_q.weight": blocks("Q8_0", 64, 32) } }, "stored");
    expect(plan.formatsOf(queryKeyValue)).toBeUndefined();
    expect(plan.byteLength).toBe(plan.plainBytes);
  });

  test("is floats, with a note, where a format of the file has no kernel, unless stored is asked for", () => {
    const options = { tensors: { "blk.1.ffn_down.weight": blocks("Q5_0", 32, 64) } };
    const plan = planOf(options, "automatic");
    expect([plan.text, plan.note]).toEqual(["f32", "The backend cpu has no kernels for weights in Q5_0: the weights are unpacked to f32."]);
    expect(() => planOf(options, "stored")).toThrow(expect.objectContaining({ message: expect.stringContaining("in Q5_0 as they are stored") as string, hint: expect.stringContaining("Q8_0, Q4_0") as string }));
    expect(() => planOf(quantisedLayer, "stored", { name: "other" })).toThrow(InvalidOptionError);
    expect(planOf(quantisedLayer, "automatic", { name: "other" })).toMatchObject({ text: "f32", note: undefined });
  });

  test("is bf16 or f32 whatever the file has, and f32 only where f32 is computed in", () => {
    const plan = planOf(quantisedLayer, "bf16");
    expect([plan.text, plan.formatsOf(queryKeyValue)]).toEqual(["bf16", undefined]);
    expect(plan.byteLength).toBeLessThan(plan.plainBytes);
    expect(planOf(quantisedLayer, "unpacked", cpu, "bf16").text).toBe("bf16");
    expect(() => planOf({}, "f32", cpu, "bf16")).toThrow(/f32 need activations in f32, not bf16/);
  });

  test("is the format that float matrices are quantised to, where it divides their inputs", () => {
    const plan = planOf({ tied: true }, "q8_0");
    expect(plan.formatsOf(queryKeyValue)).toEqual(["Q8_0", "Q8_0", "Q8_0"]);
    expect(plan.formatsOf(["model.embed_tokens.weight"])).toEqual(["Q8_0"]);
    expect(plan.text).toBe("Q8_0");
    const both = { name: "cpu", blockWeights: { ...blockWeights, formats: ["Q8_0", "Q4_K"] } };
    expect(() => planOf({}, "q4_k", both)).toThrow(/lm_head\.weight has 32 inputs, which are not whole blocks of 256 \(Q4_K\)/);
    expect(() => planOf({}, "q4_k")).toThrow(/does not compute on weights in Q4_K/);
    expect(() => planOf(quantisedLayer, "q8_0")).toThrow(/quantised already \(Q8_0, Q4_0\)/);
  });
});

test("a model is checked against memory by the formats of its weights, and a quantised norm is refused by name", async () => {
  using model = tinyGguf(quantisedLayer);
  using backend = new ReferenceBackend();
  backend.setMemoryLimit(1000);
  await expect(PretrainedModel.open({ path: model.file, backend, adapter: classAdapter })).rejects.toThrow(OutOfMemoryError);
  using damaged = tinyGguf({ tensors: { "blk.0.attn_norm.weight": { ...blocks("Q8_0", 1, 32), shape: [32] } } });
  const opening = PretrainedModel.open({ path: damaged.file, backend, adapter: classAdapter });
  await expect(opening).rejects.toThrow(ModelConfigError);
  await expect(PretrainedModel.open({ path: damaged.file, backend, adapter: classAdapter })).rejects.toThrow(/input_layernorm\.weight is quantised \(Q8_0\)/);
});
