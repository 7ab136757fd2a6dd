import { ElasticAttentionError } from "../elastic-attention-error.js";
import { nearestName } from "../../text/nearest-name.js";

/** A suite, task, preset or file role was asked for by a name that does not exist. */
export class UnknownNameError extends ElasticAttentionError {
  static {
    this.register("UnknownNameError");
  }

  constructor(what: string, name: string, known: readonly string[]) {
    const nearest = nearestName(name, known);
    super("UNKNOWN_NAME", `There is no ${what} called "${name}".`, {
      hint: `${nearest === undefined ? "" : `Did you mean "${nearest}"? `}Known: ${known.join(", ")}.`,
    });
  }
}
