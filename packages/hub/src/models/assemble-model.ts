import { CheckpointLayoutError, TokenizerError } from "@elastic-attention/core";
import { join } from "node:path";
import type { RepositoryFile } from "../cache/repository-cache.js";
import { chooseFiles, configFile, tokenizerFile } from "./choose-files.js";
import { readConfigFile, readShardNames } from "./model-config-file.js";
import { type HubModelName, modelNameText } from "./model-name.js";

/** What is known of a model before its weights are fetched or read. */
export interface ModelPlan {
  /** "org/name:Q4_K_M". */
  readonly name: string;
  readonly format: "safetensors" | "gguf";
  /** Content of config.json; undefined for a GGUF file, which has its own inside. */
  readonly config: Readonly<Record<string, unknown>> | undefined;
  /** Bytes of all files of weights. */
  readonly weightBytes: number;
  /** Paths of all files that will be fetched. */
  readonly files: readonly string[];
  /** Of a GGUF model that has to be fetched: how its first file begins. */
  readonly head?: FileHead;
}

/** The beginning of a file that is not here. */
export interface FileHead {
  /** Bytes of the whole file. */
  readonly fileBytes: number;
  /** Its first bytes, fetched for this alone and not kept; fewer only where the file is shorter. */
  read(bytes: number): Promise<Uint8Array>;
}

/** Where the files of one commit come from: the cache, or the hub into the cache. */
export interface FileSource {
  readonly files: readonly RepositoryFile[];
  /** The folder that they are in afterwards, under their own paths. */
  readonly folder: string;
  /** @param withRoom everything that will be asked for: refused where the disk has no room for it */
  obtain(paths: readonly string[], withRoom: boolean): Promise<void>;
  /** Undefined for a file that is on the disk. */
  head(path: string): Promise<FileHead | undefined>;
}

/** A model whose files are on this disk. */
export interface AssembledModel {
  /** What is loaded: the folder, or the file. */
  readonly path: string;
  readonly format: "safetensors" | "gguf";
  readonly files: readonly RepositoryFile[];
}

/** What may be refused before weights are fetched. */
export interface AssembleOptions {
  /** Called before weights are fetched; what it throws ends the fetching. */
  readonly check?: (plan: ModelPlan) => void | Promise<void>;
  /** "required" (default): a model without a tokenizer that can be read is refused. */
  readonly tokenizer?: "required" | "optional";
  /** "left out": only what turns text into tokens is brought; that of a GGUF model is in its weights, which are brought then. */
  readonly weights?: "required" | "left out";
}

/**
 * Brings the files of a model together, the small ones first, so that whatever can be refused is refused before weights are
 * fetched: its layout, its tokenizer, what `check` refuses, and a disk without room.
 *
 * @throws CheckpointLayoutError, ModelConfigError, TokenizerError, HubNotFoundError; what `check` and the source throw
 */
export async function assembleModel(name: HubModelName, source: FileSource, options: AssembleOptions): Promise<AssembledModel> {
  const chosen = chooseFiles(name, source.files);
  const sizes = new Map(source.files.map(({ path, size }) => [path, size]));
  const entries = (paths: readonly string[]) => paths.map((path) => ({ path, size: sizes.get(path)! }));
  const plan = { name: modelNameText(name), format: chosen.format };
  const check = async (weights: readonly string[], rest: Pick<ModelPlan, "config" | "head">) => {
    const weightBytes = entries(weights).reduce((sum, { size }) => sum + size, 0);
    await options.check?.({ ...plan, ...rest, weightBytes, files: [...chosen.companions, ...weights] });
  };
  if (chosen.format === "gguf") {
    const head = options.check === undefined ? undefined : await source.head(chosen.weights[0]!);
    await check(chosen.weights, { config: undefined, ...(head === undefined ? {} : { head }) });
    const needed = [...chosen.companions, ...chosen.weights];
    await source.obtain(needed, true);
    return { format: "gguf", path: join(source.folder, chosen.weights[0]!), files: entries(needed) };
  }
  if (!sizes.has(configFile)) throw new CheckpointLayoutError(`${name.repository} has no ${configFile}.`, "It is not a model in the layout of transformers.");
  if ((options.tokenizer ?? "required") === "required" && !sizes.has(tokenizerFile)) refuseTokenizer(name, chosen.companions);
  if (options.weights === "left out") {
    const needed = chosen.companions.filter((path) => !path.endsWith(".safetensors"));
    await source.obtain(needed, true);
    return { format: "safetensors", path: source.folder, files: entries(needed) };
  }
  await source.obtain([configFile], false);
  const config = await readConfigFile(join(source.folder, configFile));
  const shards = chosen.index === undefined ? undefined : await shardsOf(source, chosen.index);
  const ofIndex = shards !== undefined && (chosen.weights === undefined || shards.includes(chosen.weights[0]!));
  const weights = ofIndex ? shards : chosen.weights!;
  const missing = weights.find((path) => !sizes.has(path));
  if (missing !== undefined) throw new CheckpointLayoutError(`${chosen.index} of ${name.repository} names the shard ${missing}, which is missing.`, "Take another revision or copy of the model.");
  await check(weights, { config });
  const needed = [configFile, ...(ofIndex ? [chosen.index!] : []), ...chosen.companions, ...weights];
  await source.obtain(needed, true);
  // A file that was named is loaded as such; a folder is found with everything in it.
  const path = name.selector !== undefined ? join(source.folder, weights[0]!) : source.folder;
  return { format: "safetensors", path, files: entries(needed) };
}

async function shardsOf(source: FileSource, index: string): Promise<string[]> {
  await source.obtain([index], false);
  return readShardNames(join(source.folder, index));
}

function refuseTokenizer(name: HubModelName, companions: readonly string[]): never {
  const others = companions.filter((path) => /^(vocab|merges|tokenizer)\./.test(path));
  const instead = others.length === 0 ? "" : ` (${others.join(", ")} alone ${others.length > 1 ? "are" : "is"} not read)`;
  throw new TokenizerError(`${name.repository} has no ${tokenizerFile}${instead}.`, {
    hint: "Take a copy of the model with one, or save its tokenizer with the fast tokenizer of transformers into a folder of your own.",
  });
}
