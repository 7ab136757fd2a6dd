import { CheckpointLayoutError, editDistance, HubNotFoundError } from "@elastic-attention/core";
import type { RepositoryFile } from "../cache/repository-cache.js";
import { sizeText } from "../cache/size-text.js";
import { type GgufModel, ggufModels, selectGguf } from "./gguf-files.js";
import { type HubModelName, modelNameText } from "./model-name.js";

/** The files of a repository that loading a model needs. */
export type ChosenFiles =
  | {
      readonly format: "safetensors";
      /** The weights in a single file. */
      readonly weights: readonly string[] | undefined;
      /** An index of weights. Beside a single file that it does not name, it is of an older save. */
      readonly index: string | undefined;
      /** What else belongs to the model. */
      readonly companions: readonly string[];
    }
  | { readonly format: "gguf"; readonly weights: readonly string[]; readonly companions: readonly string[] };

export const [configFile, singleFile, indexFile, tokenizerFile] = ["config.json", "model.safetensors", "model.safetensors.index.json", "tokenizer.json"] as const;
const tokenizerCompanions = ["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "chat_template.json"];
/** What a tokenizer is made of where there is no tokenizer.json. */
const tokenizerSources = ["vocab.json", "merges.txt", "tokenizer.model", "vocab.txt"];
const routing = ["routers.safetensors", "heads.json"];

/**
 * Chooses the files of a model: config, tokenizer, and weights in one form only. A selector names one file or quantisation; a
 * repository of GGUF files alone gives the only one.
 *
 * @throws HubNotFoundError for a selector that nothing matches
 * @throws CheckpointLayoutError where several match, and for a repository without weights that can be read
 */
export function chooseFiles(name: HubModelName, files: readonly RepositoryFile[]): ChosenFiles {
  const paths = new Set(files.map(({ path }) => path));
  const present = (wanted: readonly string[]) => wanted.filter((path) => paths.has(path));
  const companions = present([
    "generation_config.json",
    ...(paths.has(tokenizerFile) ? [tokenizerFile] : tokenizerSources),
    ...tokenizerCompanions,
    ...routing,
  ]);
  const { selector } = name;
  if (selector !== undefined && /\.safetensors$/i.test(selector)) {
    if (!paths.has(selector)) throw noSuchFile(name, [...paths].filter((path) => path.endsWith(".safetensors")));
    return { format: "safetensors", weights: [selector], index: undefined, companions };
  }
  const models = ggufModels(files);
  if (selector !== undefined) return gguf(name, selectGguf(models, selector), models, present(routing));
  if (paths.has(configFile)) {
    const [single, index] = [paths.has(singleFile) ? [singleFile] : undefined, paths.has(indexFile) ? indexFile : undefined];
    if (single !== undefined || index !== undefined) return { format: "safetensors", weights: single, index, companions };
  }
  if (models.length > 0) return gguf(name, models, models, present(routing));
  throw new CheckpointLayoutError(`${name.repository} has no weights that can be read${whatElse(paths)}.`, noWeightsHint(paths));
}

function gguf(name: HubModelName, found: readonly GgufModel[], all: readonly GgufModel[], companions: readonly string[]): ChosenFiles {
  const [model, ...others] = found;
  if (model === undefined) throw noSuchFile(name, all.flatMap(({ quantisation, files }) => quantisation ?? files[0]!.path));
  if (others.length > 0) {
    const list = found.map(({ files, size }) => `${files[0]!.path} (${sizeText(size)})`);
    const example = modelNameText({ ...name, selector: model.quantisation ?? model.files[0]!.path });
    throw new CheckpointLayoutError(`${modelNameText(name)} names ${found.length} GGUF models: ${listed(list)}.`, `Name one of them: ${example}.`);
  }
  if (model.files.length !== model.parts) {
    throw new CheckpointLayoutError(`${name.repository} has ${model.files.length} of the ${model.parts} parts of ${model.stem}.`, "Name another file or quantisation.");
  }
  const weights = model.files.map(({ path }) => path);
  // Companions are looked for beside the file.
  return { format: "gguf", weights, companions: weights[0]!.includes("/") ? [] : companions };
}

function noSuchFile(name: HubModelName, known: readonly string[]): HubNotFoundError {
  const wanted = name.selector!.toLowerCase();
  const nearest = known.toSorted((left, right) => editDistance(wanted, left.toLowerCase()) - editDistance(wanted, right.toLowerCase()));
  const hint = nearest.length === 0 ? "It has no GGUF files; leave out what stands behind the colon." : `It has ${listed(nearest)}.`;
  return new HubNotFoundError(`"${name.selector!}" in model ${name.repository}`, hint);
}

function whatElse(paths: ReadonlySet<string>): string {
  const others = [...paths].filter((path) => /\.(bin|pth?|onnx|msgpack|h5|ckpt|npz|safetensors)$/i.test(path));
  return others.length === 0 ? "" : `: only ${listed(others)}`;
}

function noWeightsHint(paths: ReadonlySet<string>): string {
  if (paths.has("adapter_config.json")) return "It is an adapter for another model: merge the two, and name the folder.";
  if (!paths.has(configFile) && [...paths].some((path) => path.endsWith(".safetensors"))) return "It has no config.json: it is not a model in the layout of transformers.";
  return "Weights are read from safetensors with a config.json, or from GGUF. Look for a conversion of the model, or convert it.";
}

function listed(items: readonly string[], shown = 12): string {
  const more = items.length > shown ? ` and ${items.length - shown} more` : "";
  return items.slice(0, shown).join(", ") + more;
}
