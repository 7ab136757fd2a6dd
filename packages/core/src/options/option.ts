import type { ValueOf, ValueType } from "./value-type.js";

/** One setting that a user may give. */
export interface Option<Value = unknown> {
  readonly type: ValueType<Value>;
  /** One line for help, without what type and default say already. */
  readonly description: string;
  /** The value when it is not given. */
  readonly default?: Value;
  /** What happens when it is not given and has no default: "as the checkpoint". */
  readonly otherwise?: string;
  readonly required?: true;
  /** One letter that stands for it. */
  readonly short?: string;
  /** What stands for the value in help: "file". */
  readonly placeholder?: string;
  /** Keys of options that cannot be given together with it. */
  readonly conflicts?: readonly string[];
  /** Keys of options without which it would do nothing. */
  readonly needs?: readonly string[];
}

/** Options by their key in camel case, which is also the name of the property that holds the value. */
// oxlint-disable-next-line typescript/no-explicit-any
export type OptionSchema = Readonly<Record<string, Option<any>>>;

type Present<Schema extends OptionSchema> = {
  [Key in keyof Schema]: Schema[Key] extends { readonly default: unknown } | { readonly required: true } ? Key : never;
}[keyof Schema];

/** What a schema's options hold after they were read. */
export type OptionValues<Schema extends OptionSchema> = {
  readonly [Key in Present<Schema>]: ValueOf<Schema[Key]["type"]>;
} & {
  readonly [Key in Exclude<keyof Schema, Present<Schema>>]?: ValueOf<Schema[Key]["type"]>;
};

/** A schema, with its defaults checked against its types. */
export function optionSchema<const Schema extends OptionSchema>(
  schema: Schema & { readonly [Key in keyof Schema]: Option<ValueOf<Schema[Key]["type"]>> },
): Schema {
  return schema;
}
