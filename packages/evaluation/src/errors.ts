import { ElasticAttentionError } from "@elastic-attention/tensor";

/** A suite, task, preset or file role was asked for by a name that does not exist. */
export class UnknownNameError extends ElasticAttentionError {
  constructor(what: string, name: string, known: readonly string[]) {
    const nearest = nearestName(name, known);
    super("UNKNOWN_NAME", `There is no ${what} called "${name}".`, {
      hint: `${nearest === undefined ? "" : `Did you mean "${nearest}"? `}Known: ${known.join(", ")}.`,
    });
  }
}

/** Data of a benchmark are missing, cut short, or not in the published form. */
export class DatasetError extends ElasticAttentionError {
  constructor(message: string, options: { hint?: string; cause?: unknown } = {}) {
    super("DATASET", message, options);
  }
}

/** A sample cannot be made or run as it stands: longer than the context, or no chat template for it. */
export class SampleError extends ElasticAttentionError {
  constructor(message: string, hint?: string) {
    super("SAMPLE", message, hint === undefined ? {} : { hint });
  }
}

/** An evaluation cannot be started, resumed or compared as it was asked for. */
export class EvaluationError extends ElasticAttentionError {
  constructor(message: string, hint?: string) {
    super("EVALUATION", message, hint === undefined ? {} : { hint });
  }
}

/** The known name that takes the fewest changed letters, if these are at most half of it. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const wanted = name.toLowerCase();
  let best: string | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const changes = changedLetters(wanted, candidate.toLowerCase());
    if (changes < fewest) [best, fewest] = [candidate, changes];
  }
  return best !== undefined && fewest <= Math.max(2, Math.ceil(best.length / 2)) ? best : undefined;
}

/** Levenshtein distance. */
function changedLetters(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const replaced = previous[column - 1]! + (left[row - 1] === right[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[right.length]!;
}
