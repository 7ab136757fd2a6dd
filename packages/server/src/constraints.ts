import { registerTokenConstraint } from "@elastic-attention/generation";
import { answerConstraint, answerConstraintName } from "./structure/answer-constraint.js";

/**
 * Makes the constraint known that `response_format` and `tools` ask for, in the thread that computes: a `setup` module of a
 * `WorkerEngine`; beside a `LocalEngine`, call it.
 */
export default function registerFormats(): void {
  registerTokenConstraint(answerConstraintName, answerConstraint);
}
