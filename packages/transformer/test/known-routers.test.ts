import { join } from "node:path";
import { routerLinearNames } from "@elastic-attention/router";
import { ReferenceBackend, type TensorSource, writeSafetensors } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { checkModel, checkpointHash, openModelFiles, PretrainedModel, registerRouters, routerFileFormat } from "../src/index.js";
import { classAdapter, tinyGguf } from "./gguf/tiny-gguf.js";

const headDim = 16;

function hashOf(path: string): string {
  using files = openModelFiles(path);
  return checkpointHash(checkModel(files, classAdapter).files.checkpoint, classAdapter)!;
}

/** Routers of two layers that keep every head full or sparse. */
function writeRouters(path: string, metadata: Record<string, string> = {}): void {
  const tensors = new Map<string, TensorSource>();
  for (let layer = 0; layer < 2; layer++) {
    for (const [index, name] of routerLinearNames.entries()) {
      const outputs = index === 4 ? 2 : headDim;
      const prefix = `model.layers.${layer}.self_attn.mask_allocator.${name}`;
      tensors.set(`${prefix}.weight`, { type: "F32", shape: [outputs, headDim], bytes: () => new Uint8Array(4 * outputs * headDim) });
      tensors.set(`${prefix}.bias`, { type: "F32", shape: [outputs], bytes: () => new Uint8Array(4 * outputs) });
    }
  }
  writeSafetensors(path, tensors, { format: routerFileFormat, elastic: JSON.stringify({ retrieval_mode: "full", toggle_type: "streaming", sink_size: 16, local_window_size: 32, block_size: 16 }), ...metadata });
}

const open = (path: string, options: { readonly knownRouters?: boolean; readonly routers?: string } = {}) =>
  PretrainedModel.open({ path, backend: new ReferenceBackend(), adapter: classAdapter, ...options });

describe("routers that are known for a checkpoint", () => {
  test("are found for its safetensors and its GGUF form alike, with their sizes", async () => {
    using tiny = tinyGguf();
    const hash = hashOf(tiny.folder);
    expect(hashOf(tiny.file)).toBe(hash);
    const path = join(tiny.folder, "known.safetensors");
    writeRouters(path, { base: hash, base_name: "tiny" });
    registerRouters({ name: "tiny", hash, path });
    for (const form of [tiny.folder, tiny.file]) {
      using model = await open(form);
      expect(model.routerFile).toBe(path);
      expect(model.hasLearnedRouter).toBe(true);
      expect(model.sizes).toMatchObject({ sinkTokens: 16, localTokens: 32, blockSize: 16 });
    }
    using plain = await open(tiny.folder, { knownRouters: false });
    expect(plain.hasLearnedRouter).toBe(false);
  });

  test("give way to those of the folder and those that are asked for", async () => {
    using tiny = tinyGguf({ keys: { "llama.context_length": 190 } });
    const [known, beside, asked] = ["known.safetensors", "routers.safetensors", "asked.safetensors"].map((name) => join(tiny.folder, name));
    for (const path of [known!, beside!, asked!]) writeRouters(path);
    registerRouters({ name: "tiny", hash: hashOf(tiny.folder), path: known! });
    using first = await open(tiny.folder);
    expect(first.routerFile).toBe(beside);
    using second = await open(tiny.folder, { routers: asked! });
    expect(second.routerFile).toBe(asked);
  });

  test("are of no other checkpoint: a file is refused with both hashes and the name of its own", async () => {
    using tiny = tinyGguf();
    const path = join(tiny.folder, "other.safetensors");
    writeRouters(path, { base: "0123456789abcdef", base_name: "SmallLM" });
    await expect(open(tiny.file, { routers: path })).rejects.toThrow(/another checkpoint, SmallLM \(hash 0123456789abcdef, this one has/);
  });
});
