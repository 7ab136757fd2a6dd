import type { EngineContext } from "../engine-context.js";
import { makeConstraints, type TokenConstraint } from "../sampling/token-constraint.js";
import { type CheckedRequest, checkRequest } from "./checked-request.js";
import type { GenerationRequest } from "./generation-request.js";
import { type RequestRouting, routeRequest } from "./request-routing.js";

/** A request that was checked, and what its answers share; nothing is computed yet. Dispose it when all of them have ended. */
export interface PreparedRequest extends Disposable {
  readonly request: GenerationRequest;
  readonly checked: CheckedRequest;
  readonly routing: RequestRouting;
  /** One for each answer; none without a constraint. */
  readonly constraints: readonly TokenConstraint[];
}

/** @throws InvalidRequestError, TokenizerError, TokenConstraintError */
export async function prepareRequest(context: EngineContext, request: GenerationRequest): Promise<PreparedRequest> {
  const { choice, tokenizer, defaults, endOfText } = context;
  const { spec } = choice.model;
  const asked = routeRequest(choice, request);
  // What is pinned is read with every head full.
  const routing = request.prefix === "pin" ? routeRequest(choice, { mode: "full" }) : asked;
  const checked = checkRequest(request, tokenizer, spec, defaults);
  const { vocabularySize } = spec;
  const constraints = await makeConstraints(request.constraint, checked.count, { tokenizer, vocabularySize, endOfText });
  const dispose = () => constraints.forEach((constraint) => constraint.dispose?.());
  return { request, checked, routing, constraints, [Symbol.dispose]: dispose };
}
