import { UnsupportedWeightFormatError } from "@elastic-attention/core";
import { type Checkpoint, weightFormats } from "@elastic-attention/tensor";
import type { ModelConfig } from "./model-config.js";

/** How the methods that config.json names are called by people. */
const methodNames: Readonly<Record<string, string>> = {
  gptq: "GPTQ",
  awq: "AWQ",
  bitsandbytes: "bitsandbytes",
  bitnet: "BitNet",
  "compressed-tensors": "compressed-tensors",
  fp8: "FP8",
  fbgemm_fp8: "FP8 (FBGEMM)",
  finegrained_fp8: "FP8",
  mxfp4: "MXFP4",
  modelopt: "ModelOpt",
  hqq: "HQQ",
  aqlm: "AQLM",
  quanto: "Quanto",
  eetq: "EETQ",
  torchao: "TorchAO",
  vptq: "VPTQ",
  spqr: "SpQR",
};

/** Tensors that quantised checkpoints alone have, by their names; the first that fits says what wrote it. */
const tensorNames: readonly (readonly [pattern: RegExp, format: string])[] = [
  [/\.g_idx$/, "GPTQ"],
  [/\.(qweight|qzeros)$/, "GPTQ or AWQ"],
  [/\.(weight_packed|weight_g_idx|weight_zero_point|weight_global_scale)$/, "compressed-tensors"],
  [/\.weight_scale_inv$/, "FP8 in blocks"],
  [/\.(weight_scale|input_scale)$/, "compressed-tensors or FP8 with scales"],
  [/\.weight\.(absmax|quant_map|nested_absmax|quant_state\.\w+)$/, "bitsandbytes (4 bits)"],
  [/\.SCB$/, "bitsandbytes (8 bits)"],
  [/_blocks$/, "MXFP4"],
  [/\.W_q$/, "HQQ"],
  [/\.(codebooks|codes)$/, "AQLM"],
  [/\.weight\.?_(data|qdata|scale)$/, "Quanto or TorchAO"],
];

/** What config.json says of quantised weights, unless its adapter has read it and takes them. @throws UnsupportedWeightFormatError */
export function refuseQuantisation(config: ModelConfig): void {
  const unread = config.unread();
  for (const key of ["quantization_config", "compression_config", "quantization"]) {
    if (unread.has(key)) throw new UnsupportedWeightFormatError(describe(key, unread.get(key)), `${config.path}: the checkpoint`, weightFormats.keys());
  }
}

/**
 * The names of quantised tensors that nobody has read, where a config says nothing of them.
 * @param unread names of tensors that loading does not ask for
 * @throws UnsupportedWeightFormatError
 */
export function refuseQuantisedTensors(checkpoint: Checkpoint, unread: readonly string[]): void {
  const has = new Set(unread);
  for (const [pattern, format] of tensorNames) {
    const name = unread.find((each) => pattern.test(each));
    if (name !== undefined) throw new UnsupportedWeightFormatError(format, `${checkpoint.path}: the checkpoint, with its tensor ${name},`, weightFormats.keys());
  }
  // MLX keeps packed words under the weight's own name.
  const packed = unread.find((name) => name.endsWith(".scales") && has.has(name.replace(/\.scales$/, ".biases")));
  if (packed !== undefined) throw new UnsupportedWeightFormatError("MLX", `${checkpoint.path}: the checkpoint, with its tensor ${packed},`, weightFormats.keys());
}

/** "GPTQ (4 bits, groups of 128, act-order)". */
function describe(key: string, value: unknown): string {
  const settings = typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  const text = (name: string) => (typeof settings[name] === "string" || typeof settings[name] === "number" ? String(settings[name]).slice(0, 40) : undefined);
  const method = text("quant_method");
  const name = method === undefined ? (key === "quantization" ? "MLX" : "quantised in a way that it does not name") : (methodNames[method] ?? method);
  const bits = text("bits") ?? (settings["load_in_4bit"] === true ? "4" : settings["load_in_8bit"] === true ? "8" : undefined);
  const details = [
    bits === undefined ? undefined : `${bits} bits`,
    text("format"),
    text("group_size") === undefined ? undefined : settings["group_size"] === -1 ? "one group a row" : `groups of ${text("group_size")}`,
    settings["desc_act"] === true ? "act-order" : undefined,
    Array.isArray(settings["weight_block_size"]) ? `blocks of ${settings["weight_block_size"].slice(0, 2).join(" × ")}` : undefined,
  ].filter((detail) => detail !== undefined);
  return details.length === 0 ? name : `${name} (${details.join(", ")})`;
}
