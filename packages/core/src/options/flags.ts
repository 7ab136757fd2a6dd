import type { Option, OptionSchema } from "./option.js";

/** How an option is written on a command line: "--max-new-tokens". */
export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** One option of a command line. */
export interface Flag {
  readonly key: string;
  /** Letter, name and the place of its value: "-n, --max-new-tokens <n>". */
  readonly syntax: string;
  /** Description, range and default. */
  readonly help: string;
  readonly option: Option;
}

/** The flags of a schema, in its order. */
export function flagsOf(schema: OptionSchema): readonly Flag[] {
  return Object.entries(schema).map(([key, option]) => ({ key, syntax: syntaxOf(key, option), help: helpOf(option), option }));
}

function syntaxOf(key: string, { short, type, placeholder = "value" }: Option): string {
  const names = short === undefined ? flagName(key) : `-${short}, ${flagName(key)}`;
  if (type.form === "flag") return names;
  return `${names} <${placeholder}${type.form === "several" ? "..." : ""}>`;
}

function helpOf({ description, type, default: value, otherwise, required }: Option): string {
  const absent = value === undefined ? otherwise : type.write(value);
  const notes = [
    ...(required ? ["required"] : []),
    ...(type.range === undefined ? [] : [type.range]),
    ...(absent === undefined ? [] : [`default: ${absent}`]),
    ...(type.form === "repeated" ? ["may be repeated"] : []),
  ];
  return notes.length === 0 ? description : `${description} (${notes.join("; ")})`;
}
