import { ElasticAttentionError } from "../elastic-attention-error.js";

/** The files of a checkpoint do not fit together: a missing shard, an index that leaves the folder, a tensor in two places. */
export class CheckpointLayoutError extends ElasticAttentionError {
  static {
    this.register("CheckpointLayoutError");
  }

  constructor(message: string, hint = "Check that the checkpoint was downloaded completely.") {
    super("CHECKPOINT_LAYOUT", message, { hint });
  }
}
