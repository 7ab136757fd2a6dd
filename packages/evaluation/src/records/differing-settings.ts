import type { RunSettings } from "../run/run-settings.js";

/** Characters of a value that a message shows. */
const shownLength = 80;

/**
 * The settings whose values differ, each by its place and with both values: `variants[1].sparsity is 0.5 and was 0.7`.
 *
 * @param except settings that may differ
 */
export function differingSettings(found: RunSettings, asked: RunSettings, except: readonly (keyof RunSettings)[] = []): string[] {
  const names = Array.from(new Set([...Object.keys(found), ...Object.keys(asked)])) as (keyof RunSettings)[];
  return names.filter((name) => !except.includes(name)).flatMap((name) => differences(name, found[name], asked[name]));
}

function differences(place: string, before: unknown, now: unknown): string[] {
  if (Array.isArray(before) && Array.isArray(now)) {
    const length = Math.max(before.length, now.length);
    return Array.from({ length }, (_, index) => differences(`${place}[${index}]`, before[index], now[index])).flat();
  }
  if (isObject(before) && isObject(now)) {
    const keys = Array.from(new Set([...Object.keys(before), ...Object.keys(now)]));
    return keys.flatMap((key) => differences(`${place}.${key}`, before[key], now[key]));
  }
  const [was, is] = [written(before), written(now)];
  if (was === is) return [];
  const start = firstDifference(was, is);
  return [`${place} is ${excerpt(is, start)} and was ${excerpt(was, start)}`];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function written(value: unknown): string {
  return JSON.stringify(value) ?? "not set";
}

function firstDifference(a: string, b: string): number {
  let index = 0;
  while (index < a.length && a[index] === b[index]) index += 1;
  return index;
}

/** A long text from a little before the place where it differs. */
function excerpt(text: string, difference: number): string {
  if (text.length <= shownLength) return text;
  const start = difference < shownLength - 20 ? 0 : difference - 20;
  const end = start + shownLength;
  return `${start === 0 ? "" : "…"}${text.slice(start, end)}${end < text.length ? "…" : ""}`;
}
