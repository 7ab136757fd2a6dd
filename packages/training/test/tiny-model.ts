import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tinyElasticConfig, writeTinyModel as writeModel } from "@elastic-attention/fixtures";

const demoModel = fileURLToPath(new URL("../../demo-model/model", import.meta.url));

/** A folder with a random Qwen3 of two small layers (blocks of 4 tokens) and the demo model's tokenizer; removed on dispose. */
export function writeTinyModel(seed = 1) {
  return writeModel({ seed, sizes: { numLayers: 2 }, config: { max_position_embeddings: 256, ...tinyElasticConfig }, tokenizerFolder: demoModel });
}

/** Writes rows.jsonl into a folder: a question about each context, tasks in turns. */
export function writeTinyRows(folder: string, contexts: readonly string[]): void {
  const rows = contexts.map((context, i) => ({
    context,
    question: "Which is it?",
    answer: `word${i}`,
    metadata: { task: ["Single QA", "Code"][i % 2], is_prefix: false },
  }));
  writeFileSync(join(folder, "rows.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
}
