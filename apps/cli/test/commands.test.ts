import { flagsOf } from "@elastic-attention/core";
import { describe, expect, test } from "vitest";
import { commands } from "../src/commands/commands.js";
import type { CommandDefinition } from "../src/program/command-definition.js";

const all = (definitions: readonly CommandDefinition[]): CommandDefinition[] => definitions.flatMap((each) => [each, ...all(each.commands ?? [])]);

describe.each(all(commands).map((definition) => [definition.syntax, definition] as const))("the options of `%s`", (_, { options }) => {
  test("name only options that there are as contradicting or needed", () => {
    for (const { conflicts = [], needs = [] } of Object.values(options)) {
      for (const other of [...conflicts, ...needs]) expect(Object.keys(options)).toContain(other);
    }
  });

  test("have a letter each at most, and one line of help that ends without a full stop", () => {
    const letters = Object.values(options).flatMap(({ short }) => (short === undefined ? [] : [short]));
    expect(new Set(letters).size).toBe(letters.length);
    for (const { help } of flagsOf(options)) expect(help).toMatch(/^[^\n]+[^.\n]$/);
  });

  test("hold --load and --json", () => {
    expect(Object.keys(options)).toEqual(expect.arrayContaining(["load", "json"]));
  });

  test("have defaults that their types take", () => {
    const withDefaults = Object.values(options).filter(({ default: value }) => value !== undefined);
    const readings = withDefaults.map(({ type, default: value }) => type.read([type.write(value as never)]));
    expect(readings).toEqual(withDefaults.map(({ default: value }) => ({ value: value as unknown })));
  });
});
