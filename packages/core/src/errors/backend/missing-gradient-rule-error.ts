import { ElasticAttentionError } from "../elastic-attention-error.js";

/** A gradient would have to pass through an operation, or into an operand of it, for which it has no rule. */
export class MissingGradientRuleError extends ElasticAttentionError {
  static {
    this.register("MissingGradientRuleError");
  }

  constructor(readonly operation: string) {
    super("MISSING_GRADIENT_RULE", `"${operation}" was run on a tensor that wants a gradient, but it has no gradient rule for it.`, {
      hint: "Give the operation one (`defineOperation(…, { gradient })` or `registerGradientRule`): the contributing guide shows how.",
    });
  }
}
