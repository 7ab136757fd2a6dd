import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A tensor that is needed is not in the checkpoint. */
export class MissingTensorError extends ElasticAttentionError {
  static {
    this.register("MissingTensorError");
  }

  constructor(
    readonly tensorName: string,
    where: string,
  ) {
    super("MISSING_TENSOR", `${where} has no tensor "${tensorName}".`, {
      hint: "Check that the checkpoint is complete and that its config.json belongs to it.",
    });
  }
}
