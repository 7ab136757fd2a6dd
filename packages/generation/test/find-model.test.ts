import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GgufMetadataError, HeadListError, InvalidRequestError, ModelConfigError, TokenizerError, UnsupportedWeightFormatError } from "@elastic-attention/core";
import { FakeHub, type FakeRepositories } from "@elastic-attention/hub/fake-hub";
import { ReferenceBackend, registerBackend, referenceProvider, writeGguf, type GgufWriteValue } from "@elastic-attention/tensor";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findModel, LocalEngine } from "../src/index.js";
import { writeTinyModel } from "./doubles/tiny-model.js";

registerBackend(referenceProvider);

const name = "someone/tiny";
let folder: string;
let hub: FakeHub | undefined;
const variables = ["HF_ENDPOINT", "HF_HUB_CACHE", "HF_TOKEN", "HF_HUB_OFFLINE"];
const before = new Map(variables.map((each) => [each, process.env[each]]));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "find-model-"));
  for (const each of variables) delete process.env[each];
});
afterEach(async () => {
  await hub?.[Symbol.asyncDispose]();
  hub = undefined;
  rmSync(folder, { recursive: true, force: true });
  for (const [each, value] of before) {
    if (value === undefined) delete process.env[each];
    else process.env[each] = value;
  }
});

async function hubWith(files: FakeRepositories[string]): Promise<FakeHub> {
  hub = await FakeHub.start({ [name]: files });
  process.env["HF_ENDPOINT"] = hub.url;
  process.env["HF_HUB_CACHE"] = join(folder, "cache");
  return hub;
}

/** Paths and ranges of files that were asked for. */
const fetched = () => hub!.requests.flatMap(({ path, range }) => {
  const file = /\/resolve\/[^/]+\/(.+)/.exec(path)?.[1];
  return file === undefined ? [] : [`${file}${range === undefined ? "" : ` ${range}`}`];
});

function tinyFiles(options: Parameters<typeof writeTinyModel>[0] = {}): Record<string, Buffer> {
  using model = writeTinyModel(options);
  return Object.fromEntries(readdirSync(model.path).map((file) => [file, readFileSync(join(model.path, file))]));
}

/** A GGUF file whose tensors come after a header with a long text, so that its first megabyte is not all of the header. */
function ggufFile(keys: Readonly<Record<string, GgufWriteValue | undefined>>, padding = 0): Buffer {
  const path = join(folder, "made.gguf");
  const all: Record<string, GgufWriteValue | undefined> = {
    "general.architecture": "qwen3",
    "general.description": "x".repeat(padding),
    "qwen3.context_length": 64,
    "qwen3.embedding_length": 8,
    "qwen3.block_count": 1,
    "qwen3.feed_forward_length": 8,
    "qwen3.attention.head_count": 2,
    "qwen3.attention.layer_norm_rms_epsilon": 1e-5,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "gpt-2",
    "tokenizer.ggml.tokens": ["a", "b", "ab"],
    "tokenizer.ggml.merges": ["a b"],
    "tokenizer.ggml.token_type": [1, 1, 1],
    ...keys,
  };
  const shapes: Record<string, number[]> = { "token_embd.weight": [3, 8], "output_norm.weight": [8] };
  for (const [tensor, shape] of Object.entries({ attn_norm: [8], ffn_norm: [8], attn_q_norm: [4], attn_k_norm: [4], attn_q: [8, 8], attn_k: [8, 8], attn_v: [8, 8], attn_output: [8, 8], ffn_gate: [8, 8], ffn_up: [8, 8], ffn_down: [8, 8] })) {
    shapes[`blk.0.${tensor}.weight`] = shape;
  }
  const tensors = new Map(Object.entries(shapes).map(([tensor, shape]) => [tensor, { type: "F32" as const, shape, bytes: new Uint8Array(4 * shape.reduce((product, size) => product * size)) }]));
  writeGguf(path, new Map(Object.entries(all).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]))), tensors);
  return readFileSync(path);
}

describe("a model of the hub that could not work is refused before its weights are fetched", () => {
  test.each<[string, Readonly<Record<string, unknown>>, typeof ModelConfigError | typeof UnsupportedWeightFormatError, RegExp]>([
    ["by its architecture", { architectures: ["Strange"] }, ModelConfigError, /"Strange" is not supported/],
    ["by a key that changes what is computed", { attn_logit_softcapping: 50 }, ModelConfigError, /attn_logit_softcapping is 50/],
    ["by its quantisation", { quantization_config: { quant_method: "gptq", bits: 2 } }, UnsupportedWeightFormatError, /GPTQ \(2 bits, groups of 128\)/],
  ])("%s", async (_, keys, kind, words) => {
    const files = tinyFiles();
    const config = { ...(JSON.parse(files["config.json"]!.toString()) as object), ...keys };
    await hubWith({ ...files, "config.json": JSON.stringify(config) });
    await expect(findModel(name)).rejects.toThrow(kind);
    await expect(findModel(name)).rejects.toThrow(words);
    expect(new Set(fetched().map((file) => file.split(" ")[0]))).toEqual(new Set(["config.json"]));
  });

  test("by a router that is wanted and missing, unless it is given or comes with the model", async () => {
    const { "config.json": config, ...files } = tinyFiles({ elastic: false });
    await hubWith({ ...files, "config.json": config! });
    await expect(findModel(name, { routing: { sparsity: 0.5 } })).rejects.toThrow(InvalidRequestError);
    await expect(findModel(name, { routing: { mode: "fa-ssa" } })).rejects.toThrow(/Mode "fa-ssa" needs a router/);
    expect(fetched()).not.toContain("model.safetensors");
    for (const options of [{ routing: { sparsity: 1 } }, { routing: { mode: "full" } }, { routing: { sparsity: 0.5 }, hasRouter: true }] as const) await findModel(name, options);
    hub!.put(name, { ...files, "config.json": config!, "heads.json": "{}" });
    await findModel(name, { routing: { sparsity: 0.5 } });
  });

  test.each<[string, Readonly<Record<string, GgufWriteValue | undefined>>, RegExp]>([
    ["by the architecture in its header", { "general.architecture": "mamba" }, /general.architecture is not supported.*found "mamba"/],
    ["by the type in its header", { "general.type": "adapter" }, /general.type must be "model"/],
    ["by a key of its header", { "qwen3.attn_logit_softcapping": 50.5 }, /attn_logit_softcapping asks for what is not supported/],
    ["by the tokenizer in its header", { "tokenizer.ggml.pre": "new-one" }, /tokenizer.ggml.pre must be one of/],
    ["by a missing tokenizer", { "tokenizer.ggml.model": undefined }, /tokenizer.ggml.model is missing/],
  ])("a GGUF model %s", async (_, keys, words) => {
    // The header is longer than what is asked for first; most of the file is not header.
    await hubWith({ "tiny.gguf": Buffer.concat([ggufFile(keys, 1_500_000), Buffer.alloc(8_000_000)]) });
    await expect(findModel(name)).rejects.toThrow(GgufMetadataError);
    await expect(findModel(name)).rejects.toThrow(words);
    expect(new Set(fetched())).toEqual(new Set(["tiny.gguf bytes=0-0", "tiny.gguf bytes=0-1048575", "tiny.gguf bytes=0-4194303"]));
  });

  test("a GGUF model that can be loaded is fetched, and its header is not asked for again", async () => {
    await hubWith({ "tiny.gguf": ggufFile({}) });
    const found = await findModel(name);
    expect(found).toMatchObject({ name, hub: { format: "gguf" } });
    hub!.requests.length = 0;
    expect((await findModel(name)).path).toBe(found.path);
    expect(fetched()).toEqual([]);
  });
});

describe("a model on this disk", () => {
  test("is a folder with config.json, a folder of one GGUF file, or a file; the hub is not asked", async () => {
    await hubWith({});
    using model = writeTinyModel();
    expect(await findModel(model.path)).toMatchObject({ path: model.path, hub: undefined });
    writeFileSync(join(folder, "only.gguf"), ggufFile({}));
    rmSync(join(folder, "made.gguf"));
    expect(await findModel(folder)).toMatchObject({ path: folder, hub: undefined });
    expect(await findModel(join(folder, "only.gguf"))).toMatchObject({ name: "only.gguf" });
    expect(hub!.requests).toEqual([]);
  });

  test("is refused before its weights are read: by a missing tokenizer, a wanted router, a head list of another shape", async () => {
    using backend = new ReferenceBackend();
    using model = writeTinyModel({ elastic: false });
    const load = (options: Partial<Parameters<typeof LocalEngine.load>[0]> = {}) => LocalEngine.load({ path: model.path, backend, ...options });
    await expect(load({ routing: { mode: "fa-ssa" } })).rejects.toThrow(InvalidRequestError);
    await expect(load({ headList: { version: 1, description: "x", scores: [[1]], sparsity: 0.5 } })).rejects.toThrow(HeadListError);
    await expect(load({ routers: join(folder, "none.safetensors") })).rejects.toThrow(/none\.safetensors does not exist/);
    await expect(load({ memoryLimitBytes: 1000 })).rejects.toThrow(/the weights of .* needs/);
    rmSync(join(model.path, "tokenizer.json"));
    await expect(load()).rejects.toThrow(TokenizerError);
    expect(backend.memory()).toMatchObject({ liveBytes: 0, peakBytes: 0 });
  });
});

test("LocalEngine takes the name of a model of the hub, and says what a user should know of it", async () => {
  const files = tinyFiles();
  const config = { ...(JSON.parse(files["config.json"]!.toString()) as object), novel_key: 1 };
  await hubWith({ ...files, "config.json": JSON.stringify(config) });
  await using engine = await LocalEngine.load({ path: name, backend: "reference" });
  expect(engine.model).toMatchObject({ name, notes: [expect.stringMatching(/not known here, .*: novel_key\.$/)] });
  expect((await engine.tokenize({ prompt: "hello" })).length).toBeGreaterThan(0);
});
