import { registerTokenConstraint } from "@elastic-attention/generation";
import { jsonConstraint, jsonConstraintName } from "./structure/json-constraint.js";

/**
 * Makes the constraint known that `response_format` asks for, in the thread that computes: a `setup` module of a
 * `WorkerEngine`; beside a `LocalEngine`, call it.
 */
export default function registerFormats(): void {
  registerTokenConstraint(jsonConstraintName, jsonConstraint);
}
