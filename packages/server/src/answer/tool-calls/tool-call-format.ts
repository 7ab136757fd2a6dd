/** A call as a model wrote it. */
export interface WrittenCall {
  readonly name: string;
  /** JSON. */
  readonly arguments: string;
  /** Where the format has ids. */
  readonly id?: string;
}

/** One way in which models write calls of tools. */
export interface ToolCallFormat {
  readonly open: string;
  /** Undefined: up to the end of the answer. */
  readonly close?: string;
  /** What stands between; undefined where it is not a call. */
  parse(body: string): readonly WrittenCall[] | undefined;
  /** Length of the ids that the model's template takes; undefined for any. */
  readonly idLength?: number;
}

/** A call of the form `{"name": …, "arguments": {…}}`; also `parameters`, `function`, and a call within `function`. */
export function callOf(value: unknown): WrittenCall | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const { name, function: inner, arguments: given, parameters, id } = value as Record<string, unknown>;
  if (typeof inner === "object" && inner !== null) return callOf(inner);
  const called = typeof name === "string" ? name : inner;
  if (typeof called !== "string" || called === "") return undefined;
  const settings = argumentsOf(given ?? parameters ?? {});
  if (settings === undefined) return undefined;
  return { name: called, arguments: settings, ...(typeof id === "string" && id !== "" ? { id } : {}) };
}

/** Arguments as the text of an object. */
function argumentsOf(given: unknown): string | undefined {
  const value = typeof given === "string" ? parsed(given) : given;
  return typeof value === "object" && value !== null && !Array.isArray(value) ? JSON.stringify(value) : undefined;
}

/** The value of a JSON text; undefined for what is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** All or nothing. */
export function callsOf(values: readonly unknown[]): readonly WrittenCall[] | undefined {
  const calls = values.map(callOf);
  return calls.length > 0 && calls.every((call) => call !== undefined) ? calls : undefined;
}
