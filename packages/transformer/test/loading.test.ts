import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MissingTensorError, ModelConfigError, OutOfMemoryError, ShapeError } from "@elastic-attention/core";
import { routerLinearNames } from "@elastic-attention/router";
import { ReferenceBackend, type TensorSource, toBFloat16, toFloat16, writeSafetensors } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { countParameters, forward, ModelConfig, PretrainedModel, registerModelAdapter, routerFileName } from "../src/index.js";
import { floats, tinyAdapter, tinyCheckpoint, tinyConfig, type TinyOptions } from "./tiny-checkpoint.js";

registerModelAdapter(tinyAdapter);

async function open(options: TinyOptions, backend = new ReferenceBackend()): Promise<string> {
  using folder = tinyCheckpoint(options);
  try {
    using model = await PretrainedModel.open({ path: folder.path, backend });
    return model.spec.architecture;
  } finally {
    expect(backend.memory().liveAllocations).toBe(0);
  }
}

describe("a checkpoint", () => {
  test.each(["BF16", "F16"] as const)("in %s computes nearly what float32 does", async (type) => {
    const round = type === "BF16" ? toBFloat16 : toFloat16;
    using plain = tinyCheckpoint();
    using rounded = tinyCheckpoint({
      edit: (_name, values, shape) => ({ type, shape, bytes: () => new Uint8Array(Uint16Array.from(values, round).buffer) }),
    });
    const logits = async (path: string) => {
      const backend = new ReferenceBackend();
      using model = await PretrainedModel.open({ path, backend, dtype: "f32" });
      expect(countParameters(model.spec)).toBe(50 * 24 * 2 + 24 + 2 * (48 + 16 + 24 * 64 + 32 * 24 + 3 * 24 * 40));
      return (await forward(model.decoder, [1, 2, 3, 4], 4)).logits;
    };
    const [expected, actual] = [await logits(plain.path), await logits(rounded.path)];
    const largest = Math.max(...expected.map(Math.abs));
    for (const [i, value] of actual.entries()) expect(Math.abs(value - expected[i]!)).toBeLessThan(0.05 * largest);
  });

  test("whose config begins with a byte order mark is read, by its folder and by its file", async () => {
    using folder = tinyCheckpoint();
    const config = join(folder.path, "config.json");
    writeFileSync(config, `\uFEFF${readFileSync(config, "utf8")}`);
    for (const path of [folder.path, join(folder.path, "model.safetensors")]) {
      using model = await PretrainedModel.open({ path, backend: new ReferenceBackend() });
      expect(ModelConfig.read(path).architecture).toBe(model.spec.architecture);
    }
  });

  test("that lacks a tensor names it", async () => {
    const edit = (name: string, values: Float32Array, shape: readonly number[]) =>
      name === "model.layers.1.mlp.up_proj.weight" ? undefined : floats(name, values, shape);
    await expect(open({ edit })).rejects.toThrow(MissingTensorError);
    await expect(open({ edit })).rejects.toThrow(/layers\.1\.mlp\.up_proj/);
  });

  test("that contradicts its config says which tensor and both shapes", async () => {
    await expect(open({ config: { hidden_size: 32 } })).rejects.toThrow(ShapeError);
    await expect(open({ config: { hidden_size: 32 } })).rejects.toThrow(/model\.embed_tokens\.weight is \[50, 24\], but config\.json asks for \[50, 32\] by hidden_size\./);
    await expect(open({ config: { num_key_value_heads: 4 } })).rejects.toThrow(/k_proj\.weight is \[16, 24\], but config\.json asks for \[32, 24\] by num_key_value_heads and head_dim\./);
    await expect(open({ config: { vocab_size: 60, hidden_size: 32 } })).rejects.toThrow(/asks for \[60, 32\] by vocab_size and hidden_size\./);
  });

  test("with NaN or infinity names the tensor and the element", async () => {
    for (const bad of [NaN, Infinity]) {
      const edit = (name: string, values: Float32Array, shape: readonly number[]) => {
        if (name === "model.layers.0.self_attn.v_proj.weight") values[17] = bad;
        return floats(name, values, shape);
      };
      await expect(open({ edit })).rejects.toThrow(/v_proj\.weight holds a value that is not finite \(element 17\)/);
    }
  });

  test("that does not fit in memory gives back what was loaded", async () => {
    const backend = new ReferenceBackend();
    backend.setMemoryLimit(20_000);
    await expect(open({}, backend)).rejects.toThrow(OutOfMemoryError);
  });

  test("of an unknown architecture names what is supported", async () => {
    await expect(open({ config: { architectures: ["MambaForCausalLM"] } })).rejects.toThrow(/"MambaForCausalLM" is not supported; supported: .*TinyForCausalLM/);
  });

  test("that can be aborted while it loads", async () => {
    using folder = tinyCheckpoint();
    const backend = new ReferenceBackend();
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error("stop"));
    await expect(PretrainedModel.open({ path: folder.path, backend, onProgress, signal: controller.signal })).rejects.toThrow("stop");
    expect(backend.memory().liveAllocations).toBe(0);
  });
});

describe("config.json", () => {
  const wrong: [key: string, value: unknown][] = [
    ["hidden_size", 0],
    ["hidden_size", "24"],
    ["num_hidden_layers", 2.5],
    ["num_key_value_heads", 3],
    ["rope_scaling", { rope_type: "unknown" }],
    ["hidden_act", "quick_gelu"],
    ["toggle_type", "sliding"],
    ["retrieval_mode", 5],
    ["architectures", []],
    ["vocab_size", -1],
  ];
  test.each(wrong)("with %s = %j is refused, naming the key", async (key, value) => {
    await expect(open({ config: { [key]: value } })).rejects.toThrow(ModelConfigError);
  });

  test("that is missing or no JSON names the file", async () => {
    using folder = tinyCheckpoint();
    for (const text of ["", "{", "[]"]) {
      writeFileSync(join(folder.path, "config.json"), text);
      await expect(PretrainedModel.open({ path: folder.path, backend: new ReferenceBackend() })).rejects.toThrow(ModelConfigError);
    }
  });
});

describe("routers that come with a model", () => {
  /** Router tensors of both layers of the tiny model, all zero. */
  function routerTensors(): Map<string, TensorSource> {
    const tensors = new Map<string, TensorSource>();
    const add = (name: string, shape: readonly number[]) => {
      tensors.set(name, floats(name, new Float32Array(shape.reduce((product, size) => product * size, 1)), shape));
    };
    const shapes = [[6, 8], [8, 6], [6, 8], [8, 6], [2, 8]];
    for (const layer of [0, 1]) {
      for (const [index, [outputs, inputs]] of shapes.entries()) {
        const name = `model.layers.${layer}.self_attn.mask_allocator.${routerLinearNames[index]}`;
        add(`${name}.weight`, [outputs!, inputs!]);
        add(`${name}.bias`, [outputs!]);
      }
    }
    return tensors;
  }
  const withRouters = (metadata: Readonly<Record<string, string>> = {}) => {
    const folder = tinyCheckpoint();
    writeSafetensors(join(folder.path, routerFileName), routerTensors(), metadata);
    return folder;
  };

  test("leave nothing behind when their settings are wrong", async () => {
    using folder = withRouters({ elastic: JSON.stringify({ toggle_type: "streaming", router_pooling_tokens: -5 }) });
    const backend = new ReferenceBackend();
    await expect(PretrainedModel.open({ path: folder.path, backend })).rejects.toThrow(/router_pooling_tokens/);
    expect(backend.memory().liveAllocations).toBe(0);
  });

  test("leave nothing behind when the model's own settings are wrong", async () => {
    using folder = withRouters();
    writeFileSync(join(folder.path, "config.json"), JSON.stringify({ ...tinyConfig, router_pooling_tokens: -5 }));
    const backend = new ReferenceBackend();
    await expect(PretrainedModel.open({ path: folder.path, backend })).rejects.toThrow(/router_pooling_tokens/);
    expect(backend.memory().liveAllocations).toBe(0);
  });

  test("leave nothing behind wherever there is no memory for the next of them", async () => {
    using folder = withRouters();
    const full = new ReferenceBackend();
    using model = await PretrainedModel.open({ path: folder.path, backend: full });
    expect(model.hasLearnedRouter).toBe(true);
    const { liveBytes } = full.memory();
    const failures: unknown[] = [];
    for (let limit = liveBytes - 1; limit > liveBytes - 1500; limit -= 37) {
      const backend = new ReferenceBackend();
      backend.setMemoryLimit(limit);
      await PretrainedModel.open({ path: folder.path, backend }).catch((error: unknown) => failures.push(error));
      expect(backend.memory().liveAllocations, `limit ${limit}`).toBe(0);
    }
    expect(failures).toHaveLength(41);
    expect(failures.every((error) => OutOfMemoryError.isInstance(error))).toBe(true);
  });

  test("serve other requests when one request's router is disposed", async () => {
    using folder = withRouters();
    const backend = new ReferenceBackend();
    using model = await PretrainedModel.open({ path: folder.path, backend });
    const { retrievalMode, sparseMode } = model.spec.elastic!;
    model.learnedRouter(retrievalMode, sparseMode)![Symbol.dispose]();
    // Zero logits are a tie, and ties are sparse.
    const { fullHeads } = await forward(model.decoder, [1, 2, 3], 1, model.learnedRouter(retrievalMode, sparseMode));
    expect([...fullHeads]).toEqual([0, 0, 0, 0]);
  });
});
