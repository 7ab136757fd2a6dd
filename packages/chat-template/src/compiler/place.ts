import { Scope } from "../scope/scope.js";
import type { FunctionLayout } from "../scope/function-layout.js";

/** Where in the template something is compiled. */
export interface Place {
  readonly scope: Scope;
  /** Whether what is set becomes a variable of the context. */
  readonly topLevel: boolean;
  /** Within an `if` or a conditional expression, where an unknown filter is an error only when it is used. */
  readonly soft: boolean;
  /** Whether `break` and `continue` have a loop to go to. */
  readonly inLoop: boolean;
}

export function innerPlace(place: Place): Place {
  return { scope: new Scope(place.scope.layout, place.scope), topLevel: false, soft: false, inLoop: place.inLoop };
}

/** A place in another function of the template, nested in this one. */
export function functionPlace(place: Place, layout: FunctionLayout): Place {
  return { scope: new Scope(layout, place.scope), topLevel: false, soft: false, inLoop: false };
}

export function softPlace(place: Place): Place {
  return { ...place, soft: true };
}
