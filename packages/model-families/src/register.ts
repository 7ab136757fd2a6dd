import { type ModelAdapter, registerModelAdapter } from "@elastic-attention/transformer";
import { cohere2Adapter } from "./cohere/index.js";
import { exaone4Adapter } from "./exaone/index.js";
import { gemma2Adapter, gemma3Adapter, gemma3ImageTextAdapter } from "./gemma/index.js";
import { glm4Adapter, glmAdapter } from "./glm/index.js";
import { gptOssAdapter } from "./gpt-oss/index.js";
import { graniteAdapter } from "./granite/index.js";
import { ministral3Adapter, ministralAdapter, mistral3ImageTextAdapter, mistralAdapter } from "./mistral/index.js";
import { mixtralAdapter } from "./mixtral/index.js";
import { nemotronAdapter } from "./nemotron/index.js";
import { olmo2Adapter } from "./olmo/index.js";
import { phi3Adapter } from "./phi/index.js";
import { qwen3MoeAdapter } from "./qwen-moe/index.js";
import { seedOssAdapter } from "./seed-oss/index.js";
import { smollm3Adapter } from "./smollm/index.js";

/** The adapters of this package. */
export const modelFamilies: readonly ModelAdapter[] = [
  cohere2Adapter,
  exaone4Adapter,
  gemma2Adapter,
  gemma3Adapter,
  gemma3ImageTextAdapter,
  glmAdapter,
  glm4Adapter,
  gptOssAdapter,
  graniteAdapter,
  mistralAdapter,
  ministralAdapter,
  ministral3Adapter,
  mistral3ImageTextAdapter,
  mixtralAdapter,
  nemotronAdapter,
  olmo2Adapter,
  phi3Adapter,
  qwen3MoeAdapter,
  seedOssAdapter,
  smollm3Adapter,
];

/** Makes checkpoints of all families of this package known to the model loader. */
export function registerModelFamilies(): void {
  for (const adapter of modelFamilies) registerModelAdapter(adapter);
}
