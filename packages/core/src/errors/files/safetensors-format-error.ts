import { ElasticAttentionError } from "../elastic-attention-error.js";

/** What is wrong with a safetensors file. */
export type SafetensorsProblem =
  | "not-a-file"
  | "truncated"
  | "header-too-large"
  | "header-encoding"
  | "header-json"
  | "duplicate-key"
  | "unknown-dtype"
  | "invalid-shape"
  | "invalid-offsets"
  | "wrong-byte-count"
  | "gap-or-overlap"
  | "trailing-bytes"
  | "invalid-metadata";

/** A safetensors file breaks the format's rules; nothing of it was used. */
export class SafetensorsFormatError extends ElasticAttentionError {
  static {
    this.register("SafetensorsFormatError");
  }

  constructor(
    readonly file: string,
    readonly problem: SafetensorsProblem,
    detail: string,
  ) {
    super("SAFETENSORS_FORMAT", `${file}: ${detail}`, {
      hint: "The file is damaged or was not written as safetensors; download or convert it again.",
    });
  }
}
