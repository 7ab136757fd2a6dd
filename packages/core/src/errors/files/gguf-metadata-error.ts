import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A key of a GGUF file's metadata is missing, is not what it should be, or asks for what is not supported. */
export class GgufMetadataError extends ElasticAttentionError {
  static {
    this.register("GgufMetadataError");
  }

  constructor(
    readonly file: string,
    readonly key: string,
    detail: string,
    hint = "The file was converted wrongly, or is of a kind that is not supported; convert or download it again.",
  ) {
    super("GGUF_METADATA", `${file}: ${key} ${detail}`, { hint });
  }
}
