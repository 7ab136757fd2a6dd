import type { Reading, ValueType } from "./value-type.js";

/** Bounds of a number. */
export interface Bounds {
  readonly minimum?: number;
  /** A bound that is not allowed itself. */
  readonly above?: number;
  readonly maximum?: number;
}

/** An option that is there or not. */
export const flag: ValueType<boolean> = { allowed: "given without a value", form: "flag", read: () => ({ value: true }), write: String };

/** Any text; an empty one is no value. @param allowed in words that follow "must be" */
export function text(allowed = "a text that is not empty"): ValueType<string> {
  return once(allowed, (given) => (given === "" ? undefined : given), String);
}

/** One of some words. */
export function choice<const Word extends string>(...words: readonly Word[]): ValueType<Word> {
  const type = once<Word>(`one of ${words.join(", ")}`, (given) => words.find((word) => word === given), String);
  return { ...type, range: listed(words), choices: words };
}

/** A whole number. */
export function wholeNumber({ minimum = 0, maximum = Number.MAX_SAFE_INTEGER }: Bounds = {}): ValueType<number> {
  const upper = maximum === Number.MAX_SAFE_INTEGER ? ` from ${minimum}` : ` from ${minimum} to ${maximum}`;
  const type = once(`a whole number${upper}`, (given) => within(given, minimum, maximum, Number.isSafeInteger), String);
  return maximum === Number.MAX_SAFE_INTEGER ? type : { ...type, range: `${minimum} to ${maximum}` };
}

/** A number. */
export function realNumber({ minimum = -Infinity, above = -Infinity, maximum = Infinity }: Bounds = {}): ValueType<number> {
  const lower = above === -Infinity ? (minimum === -Infinity ? "" : `from ${minimum}`) : `above ${above}`;
  const bounds = [lower, maximum === Infinity ? "" : `${above === -Infinity ? "" : "and "}up to ${maximum}`].filter((bound) => bound !== "");
  const allowed = ["a number", ...bounds].join(" ");
  const type = once(allowed, (given) => within(given, minimum, maximum, (value) => Number.isFinite(value) && value > above), String);
  return Number.isFinite(minimum) && Number.isFinite(maximum) ? { ...type, range: `${minimum} to ${maximum}` } : type;
}

/** A part of a whole: a number from 0 to 1. */
export const share: ValueType<number> = { ...realNumber({ minimum: 0, maximum: 1 }), allowed: "between 0 and 1" };

const units: Readonly<Record<string, number>> = {
  "": 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40,
};

/** An amount of memory in bytes: 8GB is 8 000 000 000, 512MiB is 512 times 1024 times 1024, a number alone counts bytes. */
export const byteSize: ValueType<number> = once(
  "a size above 0 such as 8GB, 512MiB or 1500000000",
  (given) => {
    const [, amount, unit] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(given.trim()) ?? [];
    const factor = unit === undefined ? undefined : units[unit.toLowerCase()];
    if (amount === undefined || factor === undefined) return undefined;
    const bytes = Math.floor(Number(amount) * factor);
    return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
  },
  String,
);

/** Values between commas. */
export function list<Value>(item: ValueType<Value>): ValueType<readonly Value[]> {
  return {
    ...many(item, "once"),
    read: ([given = ""]) => readAll(item, given.split(",").map((part) => part.trim()).filter((part) => part !== ""), given),
    write: (values) => values.map((value) => item.write(value)).join(","),
  };
}

/** An option that may be given again, with one value each time. */
export function repeated<Value>(item: ValueType<Value>): ValueType<readonly Value[]> {
  return many(item, "repeated");
}

/** An option that takes all the values behind it. */
export function several<Value>(item: ValueType<Value>): ValueType<readonly Value[]> {
  return many(item, "several");
}

function once<Value>(allowed: string, parse: (given: string) => Value | undefined, write: (value: Value) => string): ValueType<Value> {
  return {
    allowed,
    form: "once",
    write,
    read(texts) {
      const given = texts.at(-1) ?? "";
      const value = parse(given);
      return value === undefined ? { found: given } : { value };
    },
  };
}

function many<Value>(item: ValueType<Value>, form: "once" | "repeated" | "several"): ValueType<readonly Value[]> {
  return {
    allowed: item.allowed,
    form,
    read: (texts) => readAll(item, texts, ""),
    write: (values) => values.map((value) => item.write(value)).join(" "),
    ...(item.range === undefined ? {} : { range: item.range }),
    ...(item.choices === undefined ? {} : { choices: item.choices }),
  };
}

function readAll<Value>(item: ValueType<Value>, texts: readonly string[], whole: string): Reading<readonly Value[]> {
  if (texts.length === 0) return { found: whole };
  const values: Value[] = [];
  for (const given of texts) {
    const reading = item.read([given]);
    if ("found" in reading) return reading;
    values.push(reading.value);
  }
  return { value: values };
}

function within(given: string, minimum: number, maximum: number, accepts: (value: number) => boolean): number | undefined {
  // Number("") is 0, and Number("0x10") is 16.
  if (!/^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(given.trim())) return undefined;
  const value = Number(given);
  return accepts(value) && value >= minimum && value <= maximum ? value : undefined;
}

/** "cpu, cuda or reference". */
function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
