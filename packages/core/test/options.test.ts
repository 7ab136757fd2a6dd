import { describe, expect, expectTypeOf, it } from "vitest";
import {
  byteSize, choice, flag, flagsOf, InvalidOptionError, list, optionSchema, type OptionValues, readOptions, realNumber, repeated, several, share, text, wholeNumber,
} from "../src/index.js";

const schema = optionSchema({
  name: { type: text(), description: "who", required: true, short: "n", placeholder: "name" },
  maxCount: { type: wholeNumber({ minimum: 1, maximum: 9 }), description: "how many", default: 3, placeholder: "n" },
  ratio: { type: share, description: "part", otherwise: "as it comes" },
  colour: { type: choice("red", "green"), description: "tint", default: "red" },
  file: { type: repeated(text()), description: "document" },
  sizes: { type: several(wholeNumber()), description: "lengths", placeholder: "n" },
  parts: { type: list(share), description: "shares" },
  loud: { type: flag, description: "say more", conflicts: ["ratio"] },
  loudness: { type: realNumber({ above: 0 }), description: "how loud", needs: ["loud"] },
});

const read = (given: Parameters<typeof readOptions>[1]) => readOptions(schema, { name: ["me"], ...given });

/** The message of the error that reading throws. */
function refusal(given: Parameters<typeof readOptions>[1]): string {
  try {
    read(given);
  } catch (error) {
    if (InvalidOptionError.isInstance(error)) return error.message;
    throw error;
  }
  throw new Error("Nothing was refused.");
}

describe("options", () => {
  it("hold what was given, of the type that the schema says, and the defaults", () => {
    const values = read({ file: ["a", "b"], sizes: ["1", "2"], parts: ["0, 0.5"], loud: true, loudness: ["2.5"] });
    expect(values).toEqual({ name: "me", maxCount: 3, colour: "red", file: ["a", "b"], sizes: [1, 2], parts: [0, 0.5], loud: true, loudness: 2.5 });
    expectTypeOf<OptionValues<typeof schema>["maxCount"]>().toEqualTypeOf<number>();
    expectTypeOf<OptionValues<typeof schema>["colour"]>().toEqualTypeOf<"red" | "green">();
    expectTypeOf<OptionValues<typeof schema>["ratio"]>().toEqualTypeOf<number | undefined>();
  });

  it("that are given twice keep the last value", () => {
    expect(read({ maxCount: ["2", "5"] }).maxCount).toBe(5);
  });

  it.each<[what: string, given: Parameters<typeof readOptions>[1], message: string]>([
    ["beyond a bound", { maxCount: ["12"] }, '--max-count must be a whole number from 1 to 9, found "12".'],
    ["that is no number", { ratio: ["half"] }, '--ratio must be between 0 and 1, found "half".'],
    ["that is empty", { ratio: [""] }, '--ratio must be between 0 and 1, found "".'],
    ["in another notation", { maxCount: ["0x3"] }, '--max-count must be a whole number from 1 to 9, found "0x3".'],
    ["that is not finite", { loud: true, loudness: ["Infinity"] }, '--loudness must be a number above 0, found "Infinity".'],
    ["on an open bound", { loud: true, loudness: ["0"] }, '--loudness must be a number above 0, found "0".'],
    ["that is none of the choices", { colour: ["gren"] }, '--colour must be one of red, green, found "gren".\n  hint: Did you mean "green"?'],
    ["of several that is wrong", { sizes: ["1", "-2"] }, '--sizes must be a whole number from 0, found "-2".'],
    ["of a list that is wrong", { parts: ["0.5,2"] }, '--parts must be between 0 and 1, found "2".'],
    ["of a list that is empty", { parts: [","] }, '--parts must be between 0 and 1, found ",".'],
  ])("refuse a value %s, naming the option, the value and what is allowed", (_, given, message) => {
    expect(refusal(given)).toBe(message);
  });

  it("refuse what is unknown, missing, contradicting or without effect, by name", () => {
    expect(refusal({ colr: ["red"] })).toBe("There is no option --colr.\n  hint: Did you mean --colour?");
    expect(refusal({ toString: [] })).toMatch(/^There is no option --to-string/);
    expect(() => readOptions(schema, {})).toThrow(/^--name is required/);
    expect(refusal({ loud: true, ratio: ["0.5"] })).toMatch(/^--loud and --ratio cannot be given together/);
    expect(refusal({ loudness: ["1"] })).toMatch(/^--loudness does nothing without --loud/);
  });

  it("become flags with their letter, the place of the value, range and default", () => {
    expect(flagsOf(schema).map(({ syntax, help }) => [syntax, help])).toEqual([
      ["-n, --name <name>", "who (required)"],
      ["--max-count <n>", "how many (1 to 9; default: 3)"],
      ["--ratio <value>", "part (0 to 1; default: as it comes)"],
      ["--colour <value>", "tint (red or green; default: red)"],
      ["--file <value>", "document (may be repeated)"],
      ["--sizes <n...>", "lengths"],
      ["--parts <value>", "shares (0 to 1)"],
      ["--loud", "say more"],
      ["--loudness <value>", "how loud"],
    ]);
  });
});

describe("a size in bytes", () => {
  it.each([["8GB", 8e9], ["512MiB", 512 * 1024 * 1024], ["1.5 kb", 1500], ["7", 7], ["2TiB", 2 * 1024 ** 4]])("%s is %i", (given, bytes) => {
    expect(byteSize.read([given])).toEqual({ value: bytes });
  });

  it.each(["", "0", "GB", "-1GB", "8 gigabytes", "1e9", "0.1B", "99999999TB"])("is not %j", (given) => {
    expect(byteSize.read([given])).toEqual({ found: given });
  });
});
