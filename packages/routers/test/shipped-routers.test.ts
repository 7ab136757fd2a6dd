import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { registerLlama } from "@elastic-attention/model-llama";
import { SafetensorsFile } from "@elastic-attention/tensor";
import { checkModel, checkpointHash, findRouters, openModelFiles, routerFileOf } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { knownRouters, registerShippedRouters, routersFor, shippedRouters } from "../src/index.js";

const checkpoint = fileURLToPath(new URL("../../../../shared/data/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", import.meta.url));

describe("shipped routers", () => {
  test.each(shippedRouters.flatMap(({ files, ...of }) => files.map((each) => ({ ...of, ...each }))))(
    "$file names the checkpoint that it is of, and the modes and sizes that it was trained with",
    ({ checkpoint: name, hash, sparsity }) => {
      const path = routersFor(name, sparsity);
      using file = SafetensorsFile.open(path);
      expect(file.metadata.get("base")).toBe(hash);
      expect(file.metadata.get("base_name")).toContain(name);
      expect(JSON.parse(file.metadata.get("elastic")!)).toMatchObject({ retrieval_mode: "full", toggle_type: "streaming" });
      expect(statSync(path).size).toBeLessThan(400_000);
    },
  );

  test("are known after they were registered, by hash; the first file of a checkpoint is found by itself", () => {
    registerShippedRouters();
    for (const { checkpoint: name, hash } of shippedRouters) expect(findRouters(hash)?.path).toBe(routersFor(name));
    expect(findRouters("ffffffffffffffff")).toBeUndefined();
    expect(knownRouters().map(({ name }) => name)).toEqual(shippedRouters.map(({ checkpoint: name }) => name));
  });

  test("a checkpoint or share without routers is refused with those that are there", () => {
    expect(() => routersFor("SmolLM2-360M")).toThrow(/SmolLM2-135M-Instruct/);
    expect(() => routersFor("smollm2-135m-instruct", 0.1)).toThrow(/0\.8/);
  });

  test.skipIf(!existsSync(checkpoint))("SmolLM2's GGUF file has them without a word", () => {
    registerLlama();
    registerShippedRouters();
    using files = openModelFiles(checkpoint);
    const checked = checkModel(files);
    expect(checkpointHash(checked.files.checkpoint, checked.adapter)).toBe(shippedRouters[0]!.hash);
    expect(routerFileOf(checked)).toBe(routersFor("SmolLM2-135M-Instruct"));
    expect(routerFileOf(checked, { knows: false })).toBeUndefined();
  });
});
