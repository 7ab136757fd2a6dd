import { readFileSync, writeFileSync } from "node:fs";
import { ElasticAttentionError } from "@elastic-attention/core";
import { checkModel, openModelFiles } from "@elastic-attention/transformer";
import { expect, test } from "vitest";
import "./fixture-cases.js";
import { writeFamilyFile } from "./gguf-family-file.js";
import { tinyFamilies } from "./oracle/tiny-families.js";
import { tinyModelFolder } from "./oracle/tiny-model-folder.js";

const interesting = [0, 1, 2, 3, 5, 7, 255, 256, 4096, 65_535, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 0x7fc00000, 0x7f800000, 0xff800000, 0xbf800000, 0x3f800000];

// Every key of an architecture is hit some time; what is refused is refused in words, and soon.
test.each(["Mixtral", "Qwen3-MoE", "gpt-oss", "Gemma 3", "Phi-3 with longrope", "Granite", "EXAONE 4", "Cohere 2", "Nemotron"])("a %s file with numbers changed in its header opens or gives a typed error", (name) => {
  const [, config] = tinyFamilies.find(([family]) => family === name)!;
  using folder = tinyModelFolder(config);
  const path = writeFamilyFile(folder.path, config, folder.tensors);
  const file = readFileSync(path);
  let state = 17;
  const random = () => (state = (state * 48271) % 2147483647) / 2147483647;
  const below = (limit: number) => Math.floor(random() * limit);
  // The keys stand in front of the tensors' names.
  const header = file.indexOf("token_embd.weight");
  const counts = { opened: 0, refused: 0 };
  for (let round = 0; round < 40; round++) {
    const changed = Buffer.from(file);
    for (let changes = 1 + below(2); changes > 0; changes--) {
      const at = 24 + below(header - 28);
      if (below(3) === 0) changed[at] = below(256);
      else changed.writeUInt32LE(interesting[below(interesting.length)]!, at);
    }
    writeFileSync(path, changed);
    try {
      using files = openModelFiles(path);
      checkModel(files);
      counts.opened += 1;
    } catch (error) {
      if (!ElasticAttentionError.isInstance(error)) throw error;
      counts.refused += 1;
    }
  }
  expect(counts.opened).toBeGreaterThan(0);
  expect(counts.refused).toBeGreaterThan(5);
});
