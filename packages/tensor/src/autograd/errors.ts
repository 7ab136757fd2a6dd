import { ElasticAttentionError } from "../errors.js";

/** A gradient would have to pass through an operation, or into an operand of it, for which it has no rule. */
export class MissingGradientRuleError extends ElasticAttentionError {
  constructor(readonly operation: string) {
    super("MISSING_GRADIENT_RULE", `"${operation}" was run on a tensor that wants a gradient, but it has no gradient rule for it.`, {
      hint: "Give the operation one (`defineOperation(…, { gradient })` or `registerGradientRule`): the contributing guide shows how.",
    });
  }
}

/** A tape was used in a way that would give wrong gradients: a value overwritten too early, an undeclared input. */
export class TapeError extends ElasticAttentionError {
  constructor(message: string, hint?: string) {
    super("TAPE", message, hint === undefined ? {} : { hint });
  }
}
