import { ElasticAttentionError } from "../elastic-attention-error.js";

/** What is wrong with a GGUF file. */
export type GgufProblem =
  | "not-a-file"
  | "truncated"
  | "bad-magic"
  | "big-endian"
  | "unsupported-version"
  | "header-too-large"
  | "count-too-large"
  | "string-encoding"
  | "duplicate-key"
  | "unknown-value-type"
  | "nested-array"
  | "invalid-value"
  | "invalid-alignment"
  | "duplicate-tensor"
  | "invalid-shape"
  | "unknown-tensor-type"
  | "invalid-offset"
  | "overlap";

const hints: Partial<Record<GgufProblem, string>> = {
  "big-endian": "Convert it to little endian, or download the little-endian file.",
  "unsupported-version": "Versions 2 and 3 are read; convert the model again with a current converter.",
  "unknown-tensor-type": "Take a file of another quantisation, such as Q8_0 or Q4_K_M.",
};

/** A GGUF file breaks the format's rules, or is of a kind that is not read; nothing of it was used. */
export class GgufFormatError extends ElasticAttentionError {
  static {
    this.register("GgufFormatError");
  }

  constructor(
    readonly file: string,
    readonly problem: GgufProblem,
    detail: string,
  ) {
    super("GGUF_FORMAT", `${file}: ${detail}`, {
      hint: hints[problem] ?? "The file is damaged or was not written as GGUF; download or convert it again.",
    });
  }
}
