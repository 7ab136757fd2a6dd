import { ElasticAttentionError } from "../elastic-attention-error.js";

/** The loss or a gradient stopped being a number. The state before the step was saved if there is a place for it. */
export class NotFiniteLossError extends ElasticAttentionError {
  static {
    this.register("NotFiniteLossError");
  }

  constructor(
    /** Optimizer step, from 0, that was not made. */
    readonly step: number,
    /** Where the rows of the pack stand in the data. */
    readonly rows: readonly string[],
    what: string,
    /** Where the state before the step was saved; undefined when the run saves nothing. */
    readonly savedTo: string | undefined,
  ) {
    const saved = savedTo === undefined ? "nothing was saved" : `the state before it is saved in ${savedTo}`;
    super("NOT_FINITE_LOSS", `${what} in step ${step + 1}, pack of ${rows.join(", ")}; ${saved}.`, {
      hint: "Look at those rows, lower the learning rate, or go on in f32 (`dtype`).",
    });
  }
}
