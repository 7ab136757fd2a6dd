import { ConversionError, ElasticAttentionError } from "@elastic-attention/core";
import { type GgufTensorSource, type GgufWriteValue, ggufDataBytes, ggufPieces } from "@elastic-attention/tensor";
import type { CheckedModel } from "../loading/checked-model.js";
import { biasName } from "../loading/check-weights.js";
import { expectedTensors } from "../loading/expected-tensors.js";
import { type GgufArchitecture, ggufArchitectureOf, writtenClasses } from "../loading/gguf/gguf-architectures.js";
import { type NamedTensor, namedTensors } from "../loading/gguf/gguf-tensor-names.js";
import { isNorm, type LayerRole } from "../loading/gguf/layer-layout.js";
import { readGgufHeader } from "../loading/gguf/open-gguf-model.js";
import { interpretConfig } from "../model/interpret-config.js";
import type { ModelSpec } from "../model/model-spec.js";
import { checkConvertedType, type ConvertedType, vectorType } from "./converted-types.js";
import { convertedRows } from "../loading/rows/converted-rows.js";
import { firstDifference } from "./first-difference.js";
import { fileTypeKeys } from "./gguf-file-type.js";
import { frequencyDivisors, modelKeys, ropeTensors } from "./gguf-model-keys.js";
import { TypeChoices } from "./type-choices.js";

/** A GGUF file that is to be written. */
export interface GgufTarget {
  readonly metadata: ReadonlyMap<string, GgufWriteValue>;
  readonly tensors: ReadonlyMap<string, GgufTensorSource>;
  readonly choices: TypeChoices;
}

/**
 * A model in safetensors as a GGUF file. What the file will say is read back and compared with the model before anything is
 * written: what its architecture has no way to say is refused by name.
 * @param vocabulary the keys of the tokenizer
 * @throws ConversionError
 */
export function ggufTarget(checked: CheckedModel, type: ConvertedType | undefined, vocabulary: ReadonlyMap<string, GgufWriteValue>, name: string): GgufTarget {
  checkConvertedType(type, "gguf");
  const { spec, adapter, files } = checked;
  const architecture = ggufArchitectureOf(spec.architecture);
  if (architecture === undefined) throw new ConversionError(`${spec.architecture} is not written as GGUF; written are: ${writtenClasses().join(", ")}.`, "Name a folder, for safetensors.");
  if (adapter.expertLayout === "joined") {
    throw new ConversionError(`${spec.architecture} keeps all experts of a layer in one tensor, which is not written as GGUF.`, "Take the GGUF file that its makers publish, or name a folder for safetensors.");
  }
  const choices = new TypeChoices(type, "gguf");
  const tensors = new Map<string, GgufTensorSource>([...ropeTensors(spec), ...modelTensors(checked, architecture, choices)]);
  const metadata = (withPattern: boolean): Map<string, GgufWriteValue> => {
    const general = [["general.architecture", architecture.name], ["general.type", "model"], ["general.name", name], ...fileTypeKeys(choices)] as const;
    const keys = Object.entries(modelKeys(architecture, spec, withPattern)).filter((entry): entry is [string, GgufWriteValue] => entry[1] !== undefined);
    return new Map<string, GgufWriteValue>([...general, ...keys.map(([key, value]) => [`${architecture.name}.${key}`, value] as const), ...vocabulary]);
  };
  const plain = metadata(false);
  const problem = readBack(plain, tensors, spec, files.config.path);
  if (problem === undefined) return { metadata: plain, tensors, choices };
  const patterned = metadata(true);
  const remaining = readBack(patterned, tensors, spec, files.config.path);
  if (remaining === undefined) return { metadata: patterned, tensors, choices };
  throw new ConversionError(`A GGUF file of the architecture ${architecture.name} would be another model: ${remaining}.`, "Name a folder, for safetensors.");
}

/** What the file would say otherwise than the model; undefined where it says the same. */
function readBack(metadata: ReadonlyMap<string, GgufWriteValue>, tensors: GgufTarget["tensors"], spec: ModelSpec, path: string): string | undefined {
  const beginning: Uint8Array[] = [];
  const isBeginning = 1 + 2 * ropeTensors(spec).size;
  for (const piece of ggufPieces(metadata, tensors)) {
    beginning.push(piece);
    if (beginning.length >= isBeginning) break;
  }
  const bytes = Buffer.concat(beginning);
  try {
    const header = readGgufHeader(path, beginning[0]!.byteLength + ggufDataBytes(tensors), bytes);
    if (header?.config === undefined) return "its header cannot be read";
    return firstDifference(comparable(spec), comparable(interpretConfig(header.config).spec));
  } catch (error) {
    if (ElasticAttentionError.isInstance(error)) return error.message.split("\n")[0]!.replace(/\.$/, "");
    throw error;
  }
}

/** What a model computes, by whatever class; which ids end an answer is compared with the tokenizers. */
function comparable(spec: ModelSpec): unknown {
  const { architecture: _, elastic: __, checkpointDType: ___, beginOfTextId: ____, endOfTextIds: _____, layers, ...rest } = spec;
  return {
    ...rest,
    layers: layers.map(({ rope, ...layer }) => ({
      ...layer,
      rope: rope?.type === "llama3" ? { type: "divided", theta: rope.theta, rotatedDim: rope.rotatedDim, pairs: rope.pairs, divisors: frequencyDivisors(rope) } : rope,
    })),
  };
}

/** The tensors by their names in GGUF. @throws ConversionError for a model that has others */
function modelTensors({ spec, adapter, files: { checkpoint } }: CheckedModel, { layout, name, rotatesNeighbours }: GgufArchitecture, choices: TypeChoices): Map<string, GgufTensorSource> {
  const expected = [...expectedTensors(adapter, spec)];
  const biased = new Set(expected.filter(({ bias }) => bias).map(({ role }) => role));
  const hasBias = (kind: "attentionBias" | "mlpBias") => layout[kind]?.roles.some((role: LayerRole) => biased.has(role)) === true;
  const { feedForward } = spec.layers[0]!;
  const presence = { tiedEmbeddings: spec.tiedEmbeddings, attentionBias: hasBias("attentionBias"), mlpBias: hasBias("mlpBias"), separateExperts: false };
  const named = namedTensors(layout, presence, { numLayers: spec.numLayers, numExperts: feedForward.kind === "experts" ? feedForward.numExperts : 0 });
  const sources = named.map((tensor) => ({ tensor, names: sourceNames(tensor, adapter) }));
  const written = new Set(sources.flatMap(({ names }) => names));
  const all = expected.flatMap(({ role, layer, expert, bias }) => {
    const weight = adapter.weightName(role, layer, expert);
    return bias ? [weight, biasName(weight)] : [weight];
  });
  const missing = [...written].find((tensor) => !all.includes(tensor)) ?? all.find((tensor) => !written.has(tensor));
  if (missing !== undefined) {
    const which = written.has(missing) ? `need ${missing}, which this model does not have` : `have no place for ${missing}`;
    throw new ConversionError(`GGUF files of the architecture ${name} ${which}.`, "Name a folder, for safetensors.");
  }
  return new Map(
    sources.map(({ tensor, names }) => {
      const entries = names.map((each) => checkpoint.entry(each));
      const { shape } = entries[0]!;
      const type = isMatrix(tensor, shape) ? choices.matrix(tensor.ggufName, entries[0]!) : vectorType("gguf", choices.asked, entries[0]!.type);
      const isRotated = rotatesNeighbours === true && (tensor.role === "query" || tensor.role === "key");
      const changes = {
        rotatedHeadDim: isRotated ? spec.headDim : undefined,
        added: layout.gainIncludesOne === true && isNorm(tensor.role) && !tensor.isBias ? 1 : 0,
      };
      const bytes = function* (): Generator<Uint8Array> {
        for (const each of names) yield* convertedRows(checkpoint, each, type, changes);
      };
      return [tensor.ggufName, { type, shape: tensor.experts === undefined ? shape : [tensor.experts, ...shape], bytes }];
    }),
  );
}

/** Names of the tensors that are written one after the other as one. */
function sourceNames({ role, layer, expert = 0, experts, isBias }: NamedTensor, adapter: CheckedModel["adapter"]): readonly string[] {
  return Array.from({ length: experts ?? 1 }, (_, index) => {
    const weight = adapter.weightName(role, layer, experts === undefined ? expert : index);
    return isBias ? biasName(weight) : weight;
  });
}

function isMatrix({ role }: NamedTensor, shape: readonly number[]): boolean {
  return shape.length > 1 && role !== "expertRouter";
}
