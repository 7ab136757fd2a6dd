import { InvalidArgumentError } from "commander";

/** A whole number above 0. */
export function count(value: string): number {
  const number = Number(value);
  if (!(Number.isSafeInteger(number) && number > 0)) throw new InvalidArgumentError("It must be a whole number above 0.");
  return number;
}

/** A number from 0 to 1. */
export function share(value: string): number {
  const number = Number(value);
  if (value.trim() === "" || !(number >= 0 && number <= 1)) throw new InvalidArgumentError("It must be between 0 and 1.");
  return number;
}

/** A number from 0. */
export function positive(value: string): number {
  const number = Number(value);
  if (value.trim() === "" || !(number >= 0 && number < Infinity)) throw new InvalidArgumentError("It must be a number from 0.");
  return number;
}

/** One of some words. */
export function choice<Word extends string>(...words: readonly Word[]): (value: string) => Word {
  return (value) => {
    const found = words.find((word) => word === value);
    if (found === undefined) throw new InvalidArgumentError(`It must be one of ${words.join(", ")}.`);
    return found;
  };
}

/** Collects the values of an option that is repeated: one that took several would take the prompt behind it too. */
export function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** Collects the values of an option that may be repeated or takes several. */
export function counts(value: string, before: readonly number[] = []): readonly number[] {
  return [...before, count(value)];
}

/** Numbers from 0 to 1 between commas. */
export function shares(value: string): readonly number[] {
  return words(value).map(share);
}

/** Words between commas. */
export function words(value: string): readonly string[] {
  return value.split(",").map((word) => word.trim()).filter((word) => word !== "");
}
