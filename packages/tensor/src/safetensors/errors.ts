import { ElasticAttentionError } from "../errors.js";

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

/** The files of a checkpoint do not fit together: a missing shard, an index that leaves the folder, a tensor in two places. */
export class CheckpointLayoutError extends ElasticAttentionError {
  constructor(message: string, hint = "Check that the checkpoint was downloaded completely.") {
    super("CHECKPOINT_LAYOUT", message, { hint });
  }
}

/** A tensor that is needed is not in the checkpoint. */
export class MissingTensorError extends ElasticAttentionError {
  constructor(
    readonly tensorName: string,
    where: string,
  ) {
    super("MISSING_TENSOR", `${where} has no tensor "${tensorName}".`, {
      hint: "Check that the checkpoint is complete and that its config.json belongs to it.",
    });
  }
}
