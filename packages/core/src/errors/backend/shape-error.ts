import { ElasticAttentionError } from "../elastic-attention-error.js";

/** Shapes, dtypes or strides of a call contradict each other. */
export class ShapeError extends ElasticAttentionError {
  static {
    this.register("ShapeError");
  }

  constructor(message: string, hint?: string) {
    super("SHAPE", message, hint === undefined ? {} : { hint });
  }
}
