import { ElasticAttentionError } from "../elastic-attention-error.js";

/** Weights are in a format that has a name but cannot be read. */
export class UnsupportedWeightFormatError extends ElasticAttentionError {
  static {
    this.register("UnsupportedWeightFormatError");
  }

  constructor(
    readonly format: string,
    what: string,
    supported: Iterable<string>,
  ) {
    super("UNSUPPORTED_WEIGHT_FORMAT", `${what} is of type ${format}, which is not supported.`, {
      hint: `Take a file in one of ${[...supported].join(", ")}.`,
    });
  }
}
