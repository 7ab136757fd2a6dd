import { ElasticAttentionError } from "../errors.js";

/** Weights are in a format that has a name but cannot be read here. */
export class UnsupportedWeightFormatError extends ElasticAttentionError {
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
