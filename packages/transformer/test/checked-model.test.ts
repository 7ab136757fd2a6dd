import { OutOfMemoryError, ShapeError, UnsupportedWeightFormatError } from "@elastic-attention/core";
import { ReferenceBackend, type TensorSource } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { checkModel, forward, openModelFiles, PretrainedModel } from "../src/index.js";
import { floats, tinyAdapter, tinyCheckpoint, type TinyOptions } from "./tiny-checkpoint.js";

type Edit = NonNullable<TinyOptions["edit"]>;

function check(options: TinyOptions) {
  using folder = tinyCheckpoint(options);
  using files = openModelFiles(folder.path);
  return checkModel(files, tinyAdapter);
}

async function logits(options: TinyOptions): Promise<Float32Array> {
  using folder = tinyCheckpoint(options);
  using model = await PretrainedModel.open({ path: folder.path, backend: new ReferenceBackend(), adapter: tinyAdapter });
  return (await forward(model.decoder, [1, 2, 3], 1)).logits;
}

const tensor = (type: "F32" | "I32" | "U8" | "F8_E4M3", shape: readonly number[]): TensorSource => {
  const bytes = shape.reduce((product, size) => product * size, 1) * (type === "F32" || type === "I32" ? 4 : 1);
  return { type, shape, bytes: () => new Uint8Array(bytes) };
};

describe("an output projection beside tie_word_embeddings", () => {
  const copyEmbedding: Edit = (() => {
    let embedding: Float32Array | undefined;
    return (name, values, shape) => {
      if (name === "model.embed_tokens.weight") embedding = values;
      return floats(name, name === "lm_head.weight" ? embedding! : values, shape);
    };
  })();

  test("that is the embedding leaves them tied, without a word", () => {
    expect(check({ config: { tie_word_embeddings: true }, edit: copyEmbedding })).toMatchObject({ hasOwnHead: false, notes: [], unreadTensors: [], spec: { tiedEmbeddings: true } });
  });

  test("that differs is used, as transformers does, and told", async () => {
    const tied = { config: { tie_word_embeddings: true } };
    expect(check(tied)).toMatchObject({ hasOwnHead: true, spec: { tiedEmbeddings: false }, notes: [expect.stringMatching(/^lm_head\.weight is not the embedding/)] });
    expect(await logits(tied)).toEqual(await logits({}));
    expect(await logits(tied)).not.toEqual(await logits({ ...tied, edit: copyEmbedding }));
  });
});

describe("tensors that nobody reads", () => {
  test("are listed and told once, biases with why", () => {
    const tensors = { "model.layers.1.self_attn.k_proj.bias": tensor("F32", [16]), "model.layers.0.self_attn.rotary_emb.inv_freq": tensor("F32", [4]) };
    const { notes, unreadTensors } = check({ tensors });
    expect(unreadTensors).toEqual(["model.layers.1.self_attn.k_proj.bias"]);
    expect(notes).toEqual(["1 tensor of the model is not used: model.layers.1.self_attn.k_proj.bias. Its config asks for no biases there."]);
    const many = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`other.${i}`, tensor("F32", [1])]));
    expect(check({ tensors: many }).notes).toEqual([expect.stringMatching(/^12 tensors of the model are not used: other\.0, .*other\.7 and 4 more\.$/)]);
  });

  test("beside keys that nobody knows: one sentence each", () => {
    expect(check({ config: { novel_gate: 1, novel_angle: {} } }).notes).toEqual(["Keys of the model that are not known here, which may change what it computes: novel_gate, novel_angle."]);
  });

  test("are no reason to stop, but a bias that is wanted and missing is", () => {
    expect(() => check({ config: { bias: true } })).toThrow(/no tensor "model\.layers\.0\.self_attn\.q_proj\.bias"/);
    expect(() => check({ config: { bias: true }, tensors: { "model.layers.0.self_attn.q_proj.bias": tensor("F32", [31]) } })).toThrow(ShapeError);
  });
});

describe("a quantised checkpoint whose config says nothing of it", () => {
  const name = "model.layers.0.mlp.up_proj";
  const without: Edit = (each, values, shape) => (each === `${name}.weight` ? undefined : floats(each, values, shape));
  test.each<[string, TinyOptions]>([
    ["GPTQ", { edit: without, tensors: { [`${name}.qweight`]: tensor("I32", [3, 40]), [`${name}.g_idx`]: tensor("I32", [24]) } }],
    ["GPTQ or AWQ", { edit: without, tensors: { [`${name}.qweight`]: tensor("I32", [24, 5]), [`${name}.scales`]: tensor("F32", [1, 40]) } }],
    ["compressed-tensors", { edit: without, tensors: { [`${name}.weight_packed`]: tensor("I32", [40, 3]) } }],
    ["FP8 in blocks", { tensors: { [`${name}.weight`]: tensor("F8_E4M3", [40, 24]), [`${name}.weight_scale_inv`]: tensor("F32", [1, 1]) } }],
    ["bitsandbytes \\(4 bits\\)", { tensors: { [`${name}.weight`]: tensor("U8", [480, 1]), [`${name}.weight.absmax`]: tensor("F32", [15]) } }],
    ["MLX", { tensors: { [`${name}.weight`]: tensor("I32", [40, 3]), [`${name}.scales`]: tensor("F32", [40, 1]), [`${name}.biases`]: tensor("F32", [40, 1]) } }],
  ])("is named: %s", (format, options) => {
    expect(() => check(options)).toThrow(UnsupportedWeightFormatError);
    expect(() => check(options)).toThrow(new RegExp(`with its tensor ${name.replaceAll(".", "\\.")}\\.\\S+, is of type ${format}, which is not supported\\.`));
  });

  test("else by the type of its elements", () => {
    expect(() => check({ tensors: { [`${name}.weight`]: tensor("F8_E4M3", [40, 24]) } })).toThrow(/up_proj\.weight is of type F8_E4M3, which is not supported/);
  });
});

test("weights that do not fit are refused before any of them is read", async () => {
  using folder = tinyCheckpoint();
  const backend = new ReferenceBackend();
  backend.setMemoryLimit(20_000);
  await expect(PretrainedModel.open({ path: folder.path, backend, adapter: tinyAdapter })).rejects.toThrow(OutOfMemoryError);
  await expect(PretrainedModel.open({ path: folder.path, backend, adapter: tinyAdapter })).rejects.toThrow(/the weights of .* in f32 needs \d+ bytes more/);
  expect(backend.memory()).toMatchObject({ liveBytes: 0, peakBytes: 0 });
});
