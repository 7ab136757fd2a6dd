import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ConversionError, InvalidOptionError, ModelConfigError } from "@elastic-attention/core";
import { demoModelDirectory } from "@elastic-attention/demo-model";
import { convertModel, type ConvertModelOptions, Tokenizer } from "@elastic-attention/generation";
import { registerQwen } from "@elastic-attention/model-qwen";
import { GgufCheckpoint, ReferenceBackend, SafetensorsCheckpoint, toFloat16, weightQuantisers, writeSafetensors } from "@elastic-attention/tensor";
import { convertedTypes, forward, hostFloats, openModelFiles, PretrainedModel } from "@elastic-attention/transformer";
import { afterAll, beforeEach, describe, expect, test } from "vitest";

registerQwen();
const demo = demoModelDirectory();
const split = fileURLToPath(new URL("../../fixtures/gguf/qwen3-q8_0-split/model-00001-of-00002.gguf", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "conversion-"));
let folder: string;
let runs = 0;
beforeEach(() => mkdirSync((folder = join(root, String(runs++)))));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const convert = (out: string, options: Partial<ConvertModelOptions> = {}) => convertModel({ path: demo, ...options, out: join(folder, out) });

async function logits(path: string): Promise<Float32Array> {
  using backend = new ReferenceBackend();
  using model = await PretrainedModel.open({ path, backend, dtype: "f32" });
  return (await forward(model.decoder, [0, 17, 400, 300, 5], 2)).logits;
}

const texts = ["Call me Ishmael. Some years ago, 1851!", "  two  spaces\n\tand <|user|> Größe 鯨 👍🏽", ""];
const messages = [{ role: "system", content: "Be brief." }, { role: "user", content: "Who is Ahab?" }] as const;

function expectSameTokenizer(before: string, after: string): void {
  const [expected, found] = [Tokenizer.load(before), Tokenizer.load(after)];
  for (const text of texts) expect([...found.encode(text)]).toEqual([...expected.encode(text)]);
  if (expected.hasChatTemplate) expect(found.applyChatTemplate(messages)).toBe(expected.applyChatTemplate(messages));
  expect(found.hasChatTemplate).toBe(expected.hasChatTemplate);
}

describe("the demo model", () => {
  test("as GGUF computes to the bit what its folder does, with its tokens and its chats, and comes back as it was", async () => {
    const { bytesBefore, bytes, types, notes } = await convert("demo.gguf");
    expect([types, notes]).toEqual([["BF16"], [expect.stringMatching(/routers\.safetensors and heads\.json .* copy them beside it/) as string]]);
    expect(bytes).toBeLessThan(bytesBefore + 400_000);
    const gguf = join(folder, "demo.gguf");
    expectSameTokenizer(demo, gguf);
    const expected = await logits(demo);
    expect(await logits(gguf)).toEqual(expected);
    await convert("back", { path: gguf });
    expectSameTokenizer(demo, join(folder, "back"));
    expect(await logits(join(folder, "back"))).toEqual(expected);
    expect(readdirSync(folder).toSorted()).toEqual(["back", "demo.gguf"]);
  });

  test("in q8_0 has in each matrix the bytes that loading with --weights q8_0 makes, and norms in float32", async () => {
    await convert("demo.gguf", { weights: "q8_0" });
    using before = SafetensorsCheckpoint.open(demo);
    using after = GgufCheckpoint.open(join(folder, "demo.gguf"));
    for (const [name, ggufName] of [["model.layers.3.mlp.down_proj.weight", "blk.3.ffn_down.weight"], ["model.layers.0.self_attn.q_proj.weight", "blk.0.attn_q.weight"], ["model.embed_tokens.weight", "token_embd.weight"]] as const) {
      const values = hostFloats(before.read(name), before.entry(name).type);
      const blocks = new Uint8Array((values.length / 32) * 34);
      weightQuantisers.get("Q8_0")!(values, blocks);
      expect(after.entry(ggufName).type).toBe("Q8_0");
      expect(Buffer.compare(after.read(ggufName), blocks)).toBe(0);
    }
    expect(after.entry("blk.0.attn_norm.weight").type).toBe("F32");
    expect([after.metadata.get("general.file_type"), after.metadata.get("general.quantization_version")]).toEqual([7, 2]);
  });

  test("in q4_k keeps rows that are not whole blocks of 256 in q8_0, and says so once", async () => {
    const { types, notes } = await convert("demo.gguf", { weights: "q4_k" });
    expect(types).toEqual(["Q4_K", "Q8_0"]);
    expect(notes[0]).toMatch(/^12 matrices whose rows are not whole blocks of Q4_K, written in Q8_0: blk\.0\.ffn_down\.weight, .* and 9 more\.$/);
    expect((await logits(join(folder, "demo.gguf"))).every(Number.isFinite)).toBe(true);
  });

  test("in fp8 is the layout of published checkpoints, whose values are those of loading with --weights fp8", async () => {
    await convert("fp8", { weights: "fp8" });
    using files = openModelFiles(join(folder, "fp8"));
    expect(files.quantisation).toBe("compressed-tensors (float-quantized)");
    using before = SafetensorsCheckpoint.open(demo);
    const name = "model.layers.2.mlp.up_proj.weight";
    const [values, found] = [hostFloats(before.read(name), "BF16"), hostFloats(files.checkpoint.read(name), "F32")];
    const [rows, columns] = before.entry(name).shape as [number, number];
    let worst = 0;
    for (let row = 0; row < rows; row++) {
      const largest = values.subarray(row * columns, (row + 1) * columns).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      // Half of a step of three bits, of the smallest numbers a fixed one.
      for (let i = row * columns; i < (row + 1) * columns; i++) worst = Math.max(worst, Math.abs(found[i]! - values[i]!) / Math.max(Math.abs(values[i]!) / 16, largest / 448 / 1024));
    }
    expect(worst).toBeGreaterThan(0.5);
    expect(worst).toBeLessThan(1.001);
    expect((await logits(join(folder, "fp8"))).every(Number.isFinite)).toBe(true);
  });

  test.each(["f32", "f16", "bf16"] as const)("in %s is a folder with tokenizer and routers, in as many files as are asked for", async (weights) => {
    const { bytes } = await convert("out", { weights, shardBytes: 5_000_000 });
    const names = readdirSync(join(folder, "out"));
    expect(names).toEqual(expect.arrayContaining(["config.json", "heads.json", "model-00001-of-0000" + (weights === "f32" ? "8" : "4") + ".safetensors", "model.safetensors.index.json", "routers.safetensors", "tokenizer.json"]));
    expect(bytes).toBe(names.reduce((sum, name) => sum + readFileSync(join(folder, "out", name)).length, 0));
    expect(JSON.parse(readFileSync(join(folder, "out", "config.json"), "utf8"))).toMatchObject({ torch_dtype: { f32: "float32", f16: "float16", bf16: "bfloat16" }[weights], sink_size: 128 });
    if (weights === "f32") expect(await logits(join(folder, "out"))).toEqual(await logits(demo));
  });
});

describe("a GGUF file", () => {
  test("in parts becomes one, with all of its keys and tensors as they are", async () => {
    await convert("whole.gguf", { path: split });
    using before = GgufCheckpoint.open(split);
    using after = GgufCheckpoint.open(join(folder, "whole.gguf"));
    expect([...after.names].toSorted()).toEqual([...before.names].toSorted());
    for (const name of before.names) expect([after.entry(name).type, Buffer.compare(after.read(name), before.read(name))]).toEqual([before.entry(name).type, 0]);
    const keys = [...before.metadata.keys].filter((key) => !key.startsWith("split."));
    expect([...after.metadata.keys]).toEqual(keys);
    for (const key of keys) expect(Buffer.compare(after.metadata.encoded(key), before.metadata.encoded(key))).toBe(0);
    expect(await logits(join(folder, "whole.gguf"))).toEqual(await logits(split));
  });

  test("in blocks becomes floats, which is said", async () => {
    const { notes, types } = await convert("folder", { path: split });
    expect([types, notes]).toEqual([["BF16"], ["Weights in Q8_0 are unpacked to float32 and written in BF16: the error of both is in them."]]);
    await convert("exact", { path: split, weights: "f32" });
    expect(await logits(join(folder, "exact"))).toEqual(await logits(split));
    expectSameTokenizer(split, join(folder, "exact"));
  });
});

describe("nothing is written", () => {
  const failing = async (out: string, options: Partial<ConvertModelOptions>, error: { new (...parameters: never[]): Error }, message: RegExp) => {
    const before = readdirSync(folder, { recursive: true });
    const failed = convert(out, options);
    await expect(failed).rejects.toThrow(error);
    await expect(failed).rejects.toThrow(message);
    expect(readdirSync(folder, { recursive: true })).toEqual(before);
  };

  test("over what is there, unless that is asked for, and never over the model that is read or over other files", async () => {
    writeFileSync(join(folder, "demo.gguf"), "mine");
    await failing("demo.gguf", {}, InvalidOptionError, /exists already[\s\S]*--overwrite/);
    await convert("demo.gguf", { overwrite: true });
    await failing("demo.gguf", { path: join(folder, "demo.gguf"), overwrite: true }, InvalidOptionError, /is the model that is read/);
    cpSync(demo, join(folder, "copy"), { recursive: true });
    await failing("copy", { path: join(folder, "copy"), overwrite: true }, InvalidOptionError, /holds the model that is read/);
    await failing("copy", {}, InvalidOptionError, /exists already/);
    writeFileSync(join(folder, "copy", "thesis.txt"), "mine");
    await failing("copy", { overwrite: true }, InvalidOptionError, /holds thesis\.txt, which is no file of a model/);
    rmSync(join(folder, "copy", "thesis.txt"));
    await convert("copy", { overwrite: true, weights: "f16" });
    expect(existsSync(join(folder, "copy", "model.safetensors"))).toBe(true);
    await failing("model.safetensors", {}, InvalidOptionError, /names one file/);
    await failing(join("none", "demo.gguf"), {}, Error, /no such folder/);
  });

  test("in a type that the kind of file does not hold", async () => {
    await failing("demo.gguf", { weights: "fp8" }, ConversionError, /no type for fp8[\s\S]*q8_0/);
    await failing("folder", { weights: "q4_k" }, ConversionError, /do not hold weights in Q4_K[\s\S]*\.gguf/);
    expect(convertedTypes.map((type) => type.toUpperCase())).toEqual(expect.arrayContaining([...weightQuantisers.keys()]));
  });

  test("of weights that are not finite, or beyond f16", async () => {
    const broken = join(root, "broken");
    cpSync(demo, broken, { recursive: true });
    const put = (value: number) => {
      using checkpoint = SafetensorsCheckpoint.open(demo);
      const tensors = new Map([...checkpoint.names].map((name) => {
        const { type, shape } = checkpoint.entry(name);
        const bytes = checkpoint.read(name);
        if (name === "model.layers.1.self_attn.v_proj.weight") new Uint16Array(bytes.buffer, bytes.byteOffset, 8)[7] = value;
        return [name, { type, shape, bytes: () => bytes }] as const;
      }));
      writeSafetensors(join(broken, "model.safetensors"), tensors);
    };
    put(0x7fc0);
    for (const [out, weights] of [["a.gguf", undefined], ["a.gguf", "q8_0"], ["a", "f32"], ["a", "fp8"]] as const) {
      await failing(out, { path: broken, weights }, ModelConfigError, /v_proj\.weight holds a value that is not finite \(element 7\)/);
    }
    put(0x4800);
    await failing("a", { path: broken, weights: "f16" }, ModelConfigError, /v_proj\.weight has the value 131072, which is beyond F16[\s\S]*bf16/);
    expect(toFloat16(131_072)).toBe(0x7c00);
  });

  test.each(["demo.gguf", "folder"])("when it is stopped (%s)", async (out) => {
    const stop = new AbortController();
    let told = 0;
    const failed = convert(out, { weights: "f32", signal: stop.signal, onProgress: () => { if (++told === 3) stop.abort(new Error("stopped")); } });
    await expect(failed).rejects.toThrow("stopped");
    expect(readdirSync(folder)).toEqual([]);
  });

  test("of a tokenizer that GGUF files have no way to say", async () => {
    const path = join(folder, "other");
    cpSync(demo, path, { recursive: true });
    const tokenizer = JSON.parse(readFileSync(join(path, "tokenizer.json"), "utf8")) as { pre_tokenizer: { pretokenizers: unknown[] } };
    tokenizer.pre_tokenizer.pretokenizers[0] = { type: "Split", pattern: { Regex: "[aeiou]" }, behavior: "Isolated", invert: false };
    writeFileSync(join(path, "tokenizer.json"), JSON.stringify(tokenizer));
    await failing("demo.gguf", { path }, ConversionError, /cuts texts by a pattern that no GGUF file has a name for: \[aeiou\]/);
    rmSync(join(path, "tokenizer.json"));
    await failing("demo.gguf", { path }, Error, /has no tokenizer\.json/);
    expect(existsSync(join(folder, "demo.gguf"))).toBe(false);
  });
});
