import { UnsupportedWeightFormatError } from "@elastic-attention/core";
import type { ModelConfig } from "./model-config.js";

/** How a checkpoint in safetensors keeps quantised matrices, as its config says. */
export type QuantisationScheme =
  /** Tensors qweight, qzeros, scales and g_idx. */
  | { readonly method: "gptq"; readonly text: string; readonly groupSize: number | undefined; /** What is added to stored zero points. */ readonly zeroOffset: 0 | 1 }
  /** Tensors qweight, qzeros, scales. */
  | { readonly method: "awq"; readonly text: string; readonly groupSize: number | undefined }
  /** fp8 with weight_scale_inv, or with weight_scale. */
  | { readonly method: "fp8"; readonly text: string; readonly block: readonly [number, number] | undefined }
  /** fp8 or int8 with weight_scale; weight_packed with scales of groups. */
  | { readonly method: "compressed-tensors"; readonly text: string; readonly groupSize: number | undefined; readonly block: readonly [number, number] | undefined };

const supported = ["GPTQ and AWQ of 4 bits", "FP8", "compressed-tensors of 4 or 8 bits", "GGUF"];

/**
 * What `quantization_config` says, where its method is one that is unpacked while it is loaded; undefined for a model without
 * one, and for methods that others read or refuse.
 * @throws UnsupportedWeightFormatError for a setting of such a method that is not known here
 */
export function readQuantisation(config: ModelConfig): QuantisationScheme | undefined {
  const section = config.unread().get("quantization_config");
  if (typeof section !== "object" || section === null) return undefined;
  const settings = section as Settings;
  const read = readers[String(settings["quant_method"])];
  if (read === undefined) return undefined;
  const refuse: Refuse = (text) => new UnsupportedWeightFormatError(text, `${config.path}: the checkpoint`, supported);
  return read(settings, refuse);
}

type Settings = Readonly<Record<string, unknown>>;
type Refuse = (format: string) => UnsupportedWeightFormatError;

const readers: Readonly<Record<string, (settings: Settings, refuse: Refuse) => QuantisationScheme>> = {
  gptq(settings, refuse) {
    const { bits, group_size: size = 128, desc_act: actOrder, checkpoint_format: format = "gptq", pack_dtype: words = "int32", dynamic } = settings;
    const text = `GPTQ (${String(bits)} bits, ${groupText(size)}${actOrder === true ? ", act-order" : ""})`;
    if (bits !== 4) throw refuse(text);
    if (format !== "gptq" && format !== "gptq_v2") throw refuse(`GPTQ in the layout ${JSON.stringify(format)}`);
    if (words !== "int32") throw refuse(`GPTQ packed in ${JSON.stringify(words)}`);
    if (!isEmpty(dynamic)) throw refuse("GPTQ with settings of its own for some layers (dynamic)");
    return { method: "gptq", text, groupSize: groupSize(size, () => refuse(text)), zeroOffset: format === "gptq" ? 1 : 0 };
  },
  awq(settings, refuse) {
    const { bits, group_size: size = 128, version = "gemm", zero_point: zeros = true } = settings;
    const text = `AWQ (${String(bits)} bits, ${groupText(size)})`;
    if (bits !== 4) throw refuse(text);
    if (String(version).toLowerCase() !== "gemm") throw refuse(`AWQ in the layout ${JSON.stringify(version)}`);
    if (zeros !== true) throw refuse("AWQ without zero points");
    return { method: "awq", text, groupSize: groupSize(size, () => refuse(text)) };
  },
  fp8(settings, refuse) {
    const { fmt = "e4m3", scale_fmt: scaleFormat, weight_block_size: size } = settings;
    if (fmt !== "e4m3") throw refuse(`FP8 in the format ${JSON.stringify(fmt)}`);
    if (!isEmpty(scaleFormat) && scaleFormat !== "float") throw refuse(`FP8 with scales in ${JSON.stringify(scaleFormat)}`);
    const block = blockSize(size, () => refuse(`FP8 in blocks of ${JSON.stringify(size)}`));
    return { method: "fp8", text: block === undefined ? "FP8" : `FP8 (blocks of ${block.join(" × ")})`, block };
  },
  "compressed-tensors"(settings, refuse) {
    const { format, config_groups: groups, kv_cache_scheme: cache, sparsity_config: sparsity, transform_config: transform } = settings;
    const text = `compressed-tensors (${String(format)})`;
    const kinds: Readonly<Record<string, readonly [type: string, bits: number]>> = { "float-quantized": ["float", 8], "int-quantized": ["int", 8], "pack-quantized": ["int", 4] };
    const [type, bits] = kinds[String(format)] ?? [];
    if (type === undefined || typeof groups !== "object" || groups === null) throw refuse(text);
    if (!isEmpty(cache)) throw refuse(`${text} with quantised keys and values`);
    if (!isEmpty(sparsity) && (sparsity as Settings)["format"] !== "dense") throw refuse(`${text} with sparse weights`);
    if (!isEmpty(transform)) throw refuse(`${text} with transforms`);
    const weights = Object.values(groups as Settings).map((group) => ((group as Settings | null)?.["weights"] ?? {}) as Settings);
    const first = weights[0] ?? {};
    const differing = weights.find((each) => ["num_bits", "type", "group_size", "strategy", "symmetric"].some((key) => each[key] !== first[key]));
    if (differing !== undefined) throw refuse(`${text} with groups of layers that differ`);
    const strategies = type === "float" ? ["tensor", "channel", "block"] : bits === 8 ? ["tensor", "channel"] : ["group", "channel"];
    const strategy = String(first["strategy"]);
    if (first["type"] !== type || first["num_bits"] !== bits || !strategies.includes(strategy)) {
      throw refuse(`${text}, ${String(first["num_bits"])} bits of ${String(first["type"])}, a scale for each ${strategy}`);
    }
    if (bits === 8 && first["symmetric"] === false) throw refuse(`${text} with zero points`);
    const block = strategy === "block" ? blockSize(first["block_structure"], () => refuse(`${text} in blocks of ${JSON.stringify(first["block_structure"])}`)) : undefined;
    return { method: "compressed-tensors", text, groupSize: strategy === "group" ? groupSize(first["group_size"], () => refuse(text)) : undefined, block };
  },
};

/** Whether a setting is not there, or holds nothing. */
function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0);
}

function groupText(size: unknown): string {
  return size === -1 ? "one group a row" : `groups of ${String(size)}`;
}

/** Undefined for one group a row. */
function groupSize(size: unknown, error: () => Error): number | undefined {
  if (size === -1) return undefined;
  if (Number.isSafeInteger(size) && (size as number) > 0) return size as number;
  throw error();
}

function blockSize(size: unknown, error: () => Error): readonly [number, number] | undefined {
  if (size === undefined || size === null) return undefined;
  if (Array.isArray(size) && size.length === 2 && size.every((side) => Number.isSafeInteger(side) && side > 0)) return [size[0], size[1]];
  throw error();
}
