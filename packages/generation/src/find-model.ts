import { statSync } from "node:fs";
import { basename, resolve } from "node:path";
import type { ModelProgress } from "@elastic-attention/hub";
import { findModelAdapter, ModelConfig } from "@elastic-attention/transformer";

/** What a model's name is found with. */
export interface FindModelOptions {
  /** See `LocalEngineOptions`. */
  readonly path: string;
  readonly name?: string;
  readonly onFetch?: (progress: ModelProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Where a model is, and what it is called: the path as it is for a model file or folder, else what the name means on the
 * Hugging Face hub and in its cache. One that could not be loaded is refused before its weights are fetched.
 */
export async function findModel({ path, name, onFetch, signal }: FindModelOptions): Promise<{ readonly path: string; readonly name: string }> {
  const status = statSync(path, { throwIfNoEntry: false });
  const isModel = status?.isFile() === true || statSync(resolve(path, "config.json"), { throwIfNoEntry: false }) !== undefined;
  if (isModel) return { path, name: name ?? basename(resolve(path)) };
  // The hub's client is large, and not needed for what is here.
  const { resolveModel } = await import("@elastic-attention/hub");
  const found = await resolveModel(path, {
    check: ({ config, name: called }) => {
      if (config === undefined) return;
      const read = new ModelConfig(config, `config.json of ${called}`);
      findModelAdapter(read).spec(read);
    },
    ...(signal === undefined ? {} : { signal }),
    ...(onFetch === undefined ? {} : { onProgress: onFetch }),
  });
  return { path: found.path, name: name ?? found.name };
}
