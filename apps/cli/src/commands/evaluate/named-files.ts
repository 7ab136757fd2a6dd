import { EvaluationError } from "@elastic-attention/core";

/** `role=path` pairs. @throws EvaluationError */
export function namedFiles(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, role, path] = /^([^=]+)=(.+)$/.exec(pair) ?? [];
      if (role === undefined) throw new EvaluationError(`--file takes role=path, found "${pair}".`, "For example --file haystack=essays.txt.");
      return [role, path!];
    }),
  );
}
