import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isRouterTensor, tinyElasticConfig, tinyModelTensors, writeSafetensorsFile, writeTinyModel as writeModel } from "@elastic-attention/fixtures";
import { routerFileFormat, routerFileName } from "@elastic-attention/transformer";
import "./qwen-models.js";

/** Folder of the demo model, whose tokenizer the tiny one shares. */
export const demoModel = fileURLToPath(new URL("../../../demo-model/model", import.meta.url));

export interface TinyModelOptions {
  /** Router tensors in every layer, in the checkpoint or in routers.safetensors beside it. */
  readonly router?: boolean | "beside";
  /** Elastic keys in config.json; default true. */
  readonly elastic?: boolean;
  /** Content of heads.json. */
  readonly heads?: unknown;
  readonly contextLength?: number;
}

/** A folder with a random Qwen3 of three small layers (blocks of 4 tokens) and a real tokenizer; removed on dispose. */
export function writeTinyModel({ router = false, elastic = true, heads, contextLength = 128 }: TinyModelOptions = {}) {
  const routerWidth = router === false ? {} : { routerWidth: 8 };
  const model = writeModel({
    ...(router === true ? routerWidth : {}),
    config: { max_position_embeddings: contextLength, ...(elastic ? tinyElasticConfig : {}) },
    tokenizerFolder: demoModel,
  });
  if (heads !== undefined) writeFileSync(join(model.path, "heads.json"), JSON.stringify(heads));
  if (router === "beside") {
    const metadata = { format: routerFileFormat, elastic: JSON.stringify({ ...tinyElasticConfig, local_window_size: 12 }) };
    const routers = new Map(Array.from(tinyModelTensors(routerWidth)).filter(([name]) => isRouterTensor(name)));
    writeSafetensorsFile(join(model.path, routerFileName), routers, metadata);
  }
  return model;
}
