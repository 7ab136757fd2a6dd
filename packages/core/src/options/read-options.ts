import { InvalidOptionError } from "../errors/options/invalid-option-error.js";
import { nearestName } from "../text/nearest-name.js";
import { flagName } from "./flags.js";
import type { OptionSchema, OptionValues } from "./option.js";

/** What a user gave, by key: true for a flag, else the texts behind the option. */
export type GivenOptions = Readonly<Record<string, true | readonly string[]>>;

/**
 * The values of options, with defaults.
 *
 * @throws InvalidOptionError naming the option, what was found and what is allowed
 */
export function readOptions<Schema extends OptionSchema>(schema: Schema, given: GivenOptions): OptionValues<Schema> {
  const values: Record<string, unknown> = {};
  for (const [key, texts] of Object.entries(given)) values[key] = readOption(schema, key, texts);
  for (const [key, option] of Object.entries(schema)) {
    if (!(key in values)) {
      if (option.required) throw new InvalidOptionError(`${flagName(key)} is required.`, flagName(key), `It must be ${option.type.allowed}.`);
      if (option.default !== undefined) values[key] = option.default as unknown;
      continue;
    }
    requireTogether(key, option.needs ?? [], given);
    for (const other of option.conflicts ?? []) {
      if (other in given) throw new InvalidOptionError(`${flagName(key)} and ${flagName(other)} cannot be given together.`, flagName(key), "Leave one of them out.");
    }
  }
  return values as OptionValues<Schema>;
}

function readOption(schema: OptionSchema, key: string, texts: true | readonly string[]): unknown {
  const name = flagName(key);
  const option = Object.hasOwn(schema, key) ? schema[key]! : undefined;
  if (option === undefined) {
    const nearest = nearestName(name, Object.keys(schema).map(flagName));
    throw new InvalidOptionError(`There is no option ${name}.`, name, nearest === undefined ? undefined : `Did you mean ${nearest}?`);
  }
  const reading = option.type.read(texts === true ? [] : texts);
  if ("value" in reading) return reading.value as unknown;
  const nearest = nearestName(reading.found, option.type.choices ?? []);
  throw new InvalidOptionError(
    `${name} must be ${option.type.allowed}, found ${JSON.stringify(reading.found)}.`,
    name,
    nearest === undefined ? undefined : `Did you mean "${nearest}"?`,
  );
}

function requireTogether(key: string, needs: readonly string[], given: GivenOptions): void {
  const missing = needs.find((other) => !(other in given));
  if (missing === undefined) return;
  throw new InvalidOptionError(`${flagName(key)} does nothing without ${flagName(missing)}.`, flagName(key), "Give both, or leave it out.");
}
