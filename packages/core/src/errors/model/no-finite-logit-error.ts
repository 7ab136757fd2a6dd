import { ElasticAttentionError } from "../elastic-attention-error.js";

/** The model gave no finite logit for a row: its weights are broken, or its input was. */
export class NoFiniteLogitError extends ElasticAttentionError {
  static {
    this.register("NoFiniteLogitError");
  }

  constructor(
    row: number,
    /** What was drawn for every row of the batch, -1 for the broken ones: the others can go on. */
    readonly tokens: Int32Array,
  ) {
    super("NO_FINITE_LOGIT", `The model gave no finite logit for sequence ${row} of the batch.`, {
      hint: "Check the weights with `elastic-attention inspect`.",
    });
  }
}
