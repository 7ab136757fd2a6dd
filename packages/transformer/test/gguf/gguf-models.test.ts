import { cpSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SequenceCache } from "@elastic-attention/attention";
import { CheckpointLayoutError, ModelConfigError } from "@elastic-attention/core";
import { fromBFloat16, ReferenceBackend, toBFloat16, weightFormat } from "@elastic-attention/tensor";
import { describe, expect, it } from "vitest";
import { findGguf, openModelFiles, PretrainedModel } from "../../src/index.js";
import { unpackRows } from "../../src/loading/rows/unpack-rows.js";
import { classAdapter, floatSource, tinyGguf, type TinyGgufOptions } from "./tiny-gguf.js";

const variants: readonly (readonly [name: string, options: TinyGgufOptions])[] = [
  ["llama", {}],
  ["llama with a tied head", { tied: true }],
  ["llama with biases", { attentionBias: true, mlpBias: true }],
  ["qwen2", { architecture: "qwen2" }],
  ["qwen3", { architecture: "qwen3" }],
  ["qwen3 with biases and a tied head", { architecture: "qwen3", attentionBias: true, tied: true }],
  ["linear scaling", { keys: { "llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4 }, config: { rope_parameters: { rope_type: "linear", rope_theta: 5000, factor: 4 } } }],
  ["linear scaling of the first years", { keys: { "llama.rope.scale_linear": 2 }, config: { rope_parameters: { rope_type: "linear", rope_theta: 5000, factor: 2 } } }],
  [
    "YaRN",
    {
      keys: { "llama.rope.scaling.type": "yarn", "llama.rope.scaling.factor": 4, "llama.rope.scaling.original_context_length": 50 },
      config: { rope_parameters: { rope_type: "yarn", rope_theta: 5000, factor: 4, original_max_position_embeddings: 50 } },
    },
  ],
];

async function logits(path: string): Promise<Float32Array> {
  using backend = new ReferenceBackend();
  using model = await PretrainedModel.open({ path, backend, dtype: "f32", adapter: classAdapter });
  using cache = new SequenceCache({ backend, ...model.spec, dtype: "f32", reserveTokens: 64 });
  const tokens = Int32Array.from({ length: 60 }, (_, i) => (i * 7) % 50);
  const { logits: rows } = await model.decoder.prefill({ sequences: [{ tokens, cache }], logitsRows: 4 });
  using owned = rows;
  return owned.toFloat32();
}

describe("a GGUF model", () => {
  it.each(variants)("computes what the same model in safetensors does: %s", async (_name, options) => {
    using model = tinyGguf(options);
    expect(await logits(model.file)).toEqual(await logits(model.folder));
  });

  it.each(variants)("has the tensors of transformers, byte for byte: %s", (_name, options) => {
    using model = tinyGguf(options);
    using gguf = openModelFiles(model.file);
    using safetensors = openModelFiles(model.folder);
    expect([...gguf.checkpoint.names].sort()).toEqual([...safetensors.checkpoint.names].sort());
    expect(gguf.checkpoint.byteLength).toBe(safetensors.checkpoint.byteLength);
    for (const name of gguf.checkpoint.names) {
      const { shape, byteLength } = gguf.checkpoint.entry(name);
      expect(shape).toEqual(safetensors.checkpoint.entry(name).shape);
      expect([name, gguf.checkpoint.read(name)]).toEqual([name, safetensors.checkpoint.read(name)]);
      // Also in parts that begin and end within a head.
      const range = { start: Math.floor(byteLength / 3), end: Math.ceil(byteLength / 2) };
      expect([name, gguf.checkpoint.read(name, range)]).toEqual([name, safetensors.checkpoint.read(name, range)]);
      const rest = { start: 4, end: Infinity };
      expect([name, gguf.checkpoint.read(name, rest)]).toEqual([name, safetensors.checkpoint.read(name, rest)]);
    }
  });

  it("divides its frequencies by the numbers of rope_freqs.weight", async () => {
    const divisors = Float32Array.of(1, 1, 1, 1, 1, 2, 4, 8);
    using model = tinyGguf({ tensors: { "rope_freqs.weight": floatSource([8], divisors) } });
    using files = openModelFiles(model.file);
    expect(classAdapter.spec(files.config).layers[0]!.rope).toMatchObject({ theta: 5000, type: "divided", divisors: Array.from(divisors) });
    using plain = tinyGguf();
    expect(await logits(model.file)).not.toEqual(await logits(plain.file));
    using ones = tinyGguf({ tensors: { "rope_freqs.weight": floatSource([8], new Float32Array(8).fill(1)) } });
    expect(await logits(ones.file)).toEqual(await logits(plain.file));
  });

  it("says what its numbers were before they were float32", () => {
    using model = tinyGguf({ keys: { "llama.rope.freq_base": 10_000.5 } });
    using files = openModelFiles(model.file);
    expect([files.config.number("rms_norm_eps"), files.config.section("rope_parameters")!.number("rope_theta")]).toEqual([1e-5, 10_000.5]);
  });

  it("takes lists that are the same for every layer, and heads without a size of their own", () => {
    using model = tinyGguf({
      keys: { "llama.attention.head_count": [2, 2], "llama.attention.head_count_kv": [1, 1], "llama.feed_forward_length": [64, 64], "llama.attention.key_length": undefined, "llama.attention.value_length": undefined },
      // 2 heads of hidden size 32.
      tensors: Object.fromEntries([0, 1].flatMap((layer) => [["attn_q", 32], ["attn_k", 16], ["attn_v", 16], ["attn_output", 32]].map(([name, outputs]) => [`blk.${layer}.${name}.weight`, floatSource([Number(outputs), 32], new Float32Array(Number(outputs) * 32))]))),
    });
    using files = openModelFiles(model.file);
    expect(classAdapter.spec(files.config)).toMatchObject({ numQueryHeads: 2, numKeyValueHeads: 1, headDim: 16, layers: [{ feedForward: { intermediateSize: 64 } }, {}] });
  });

  it("ends answers at the ends of text, turn and message", () => {
    using model = tinyGguf({ keys: { "tokenizer.ggml.eot_token_id": 7, "tokenizer.ggml.eom_token_id": 9 } });
    using files = openModelFiles(model.file);
    expect(classAdapter.spec(files.config)).toMatchObject({ beginOfTextId: 1, endOfTextIds: [2, 7, 9] });
    using none = tinyGguf({ keys: { "tokenizer.ggml.bos_token_id": undefined, "tokenizer.ggml.eos_token_id": undefined } });
    using noFiles = openModelFiles(none.file);
    expect(classAdapter.spec(noFiles.config)).toMatchObject({ beginOfTextId: undefined, endOfTextIds: [] });
  });

  it("computes in bf16 by default where weights are in blocks, in f32 where all are", () => {
    using floats = tinyGguf();
    using floatFiles = openModelFiles(floats.file);
    expect(classAdapter.spec(floatFiles.config).checkpointDType).toBe("f32");
    using blocks = tinyGguf({ tensors: { "blk.0.ffn_up.weight": { type: "Q8_0", shape: [64, 32], bytes: new Uint8Array(64 * 34) } } });
    using blockFiles = openModelFiles(blocks.file);
    expect(classAdapter.spec(blockFiles.config).checkpointDType).toBe("bf16");
  });
});

describe("weights in blocks", () => {
  /** 64 rows of 32 in Q8_0, with scales of 1/64 and another one now and then. */
  const bytes = Uint8Array.from({ length: 64 * 34 }, (_, i) => (i % 34 === 0 ? 0 : i % 34 === 1 ? 0x24 : (i * 73) & 0xff));
  const inBlocks = { tensors: { "blk.1.ffn_gate.weight": { type: "Q8_0", shape: [64, 32], bytes } } };
  const expected = new Float32Array(64 * 32);
  weightFormat("Q8_0", "w").dequantize(bytes, expected);

  it.each(["f32", "bf16"] as const)("are unpacked to %s, row by row", (dtype) => {
    using model = tinyGguf(inBlocks);
    using files = openModelFiles(model.file);
    using backend = new ReferenceBackend();
    using target = backend.allocate([64, 32], dtype);
    unpackRows(target, files.checkpoint, "model.layers.1.mlp.gate_proj.weight");
    const rounded = expected.map((value) => fromBFloat16(toBFloat16(value)));
    expect(target.toFloat32()).toEqual(dtype === "f32" ? expected : rounded);
  });

  it("are in order also where query rows are put back", () => {
    const query = Uint8Array.from({ length: 64 * 34 }, (_, i) => (i % 34 === 0 ? 0 : i % 34 === 1 ? 0x3c : Math.floor(i / 34)));
    using model = tinyGguf({ tensors: { "blk.0.attn_q.weight": { type: "Q8_0", shape: [64, 32], bytes: query } } });
    using files = openModelFiles(model.file);
    using backend = new ReferenceBackend();
    using target = backend.allocate([64, 32], "f32");
    unpackRows(target, files.checkpoint, "model.layers.0.self_attn.q_proj.weight");
    const rows = Array.from({ length: 64 }, (_, row) => target.toFloat32()[row * 32]);
    // Heads of 16: elements 0, 2, 4, … of the pairs, then 1, 3, 5, …
    expect(rows.slice(0, 17)).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15, 16]);
    expect(files.checkpoint.locate("model.layers.0.self_attn.q_proj.weight")).toBeUndefined();
  });

  it("load as a model, and are refused with the element where a value is not finite", async () => {
    using model = tinyGguf(inBlocks);
    expect((await logits(model.file)).every(Number.isFinite)).toBe(true);
    const broken = bytes.slice();
    broken[34 * 5 + 1] = 0x7c;
    using damaged = tinyGguf({ tensors: { "blk.1.ffn_gate.weight": { type: "Q8_0", shape: [64, 32], bytes: broken } } });
    await expect(logits(damaged.file)).rejects.toThrow(ModelConfigError);
    await expect(logits(damaged.file)).rejects.toThrow(/gate_proj.weight holds a value that is not finite \(element 1[0-9]{2}\)/);
  });
});

describe("the path of a GGUF model", () => {
  it("is its file under any name, or a folder with nothing else", () => {
    using model = tinyGguf();
    const blob = join(model.folder, "blob");
    cpSync(model.file, blob);
    expect(findGguf(blob)).toBe(blob);
    expect(findGguf(model.file)).toBe(model.file);
    expect(findGguf(join(model.folder, "nothing.gguf"))).toBeUndefined();
    // A model in safetensors comes first.
    expect(findGguf(model.folder)).toBeUndefined();
    rmSync(join(model.folder, "model.safetensors"));
    expect(findGguf(model.folder)).toBe(model.file);
    const part = (number: number) => join(model.folder, `model-0000${number}-of-00002.gguf`);
    renameSync(model.file, part(1));
    cpSync(part(1), part(2));
    expect(findGguf(model.folder)).toBe(part(1));
    cpSync(part(1), join(model.folder, "other.gguf"));
    expect(() => findGguf(model.folder)).toThrow(CheckpointLayoutError);
    expect(() => findGguf(model.folder)).toThrow(/2 GGUF models: .*other.gguf/);
    mkdirSync(join(model.folder, "empty"));
    expect(findGguf(join(model.folder, "empty"))).toBeUndefined();
  });
});
