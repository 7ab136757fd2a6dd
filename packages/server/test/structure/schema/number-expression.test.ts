import { expect, test } from "vitest";
import { numberExpression } from "../../../src/structure/schema/number-expression.js";

/** A grammar of digits is a regular expression, but for its spaces and quotes. */
const matcher = (bounds: object) => new RegExp(`^${numberExpression({ type: "number", ...bounds }, "#").replaceAll(/"([^"]*)"/g, (_, text: string) => text.replaceAll(".", "\\.")).replaceAll(" ", "")}$`);

const edges = [-100, -12.5, -3, -1.25, -1, -0.1, 0, 0.05, 0.1, 0.105, 0.9, 1, 1.5, 2, 9.99, 10, 12.5, 100];

const digitsOf = (value: number | string) => /\.(\d+)$/.exec(String(value))?.[1]!.length ?? 0;

test("numbers between bounds are taken, with as many digits as the bounds have, and no others: every pair of bounds, and numbers around them", () => {
  const mistaken: string[] = [];
  for (const minimum of [undefined, ...edges]) {
    for (const maximum of [undefined, ...edges]) {
      if (minimum === undefined && maximum === undefined) continue;
      if ((minimum ?? -Infinity) > (maximum ?? Infinity)) continue;
      for (const excludes of minimum === maximum ? [false] : [false, true]) {
        const bounds = Object.fromEntries([["inimum", minimum], ["aximum", maximum]].flatMap(([name, value]) => (value === undefined ? [] : [[excludes ? `exclusiveM${name}` : `m${name}`, value]])));
        const expression = matcher(bounds);
        for (const edge of edges) {
          for (const step of [-1, -0.125, -0.01, 0, 0.01, 0.125, 1]) {
            const value = Number((edge + step).toFixed(3));
            const isWithin = excludes ? value > (minimum ?? -Infinity) && value < (maximum ?? Infinity) : value >= (minimum ?? -Infinity) && value <= (maximum ?? Infinity);
            const written = [String(value), value.toFixed(3)].filter((text) => text !== "-0.000");
            for (const text of written) {
              const isTaken = expression.test(text);
              // With more digits than the bounds have some that are within cannot be written.
              if (isTaken ? !isWithin : isWithin && digitsOf(text) <= Math.max(1, digitsOf(minimum ?? 0), digitsOf(maximum ?? 0))) mistaken.push(`${text} ${JSON.stringify(bounds)}`);
            }
          }
        }
      }
    }
  }
  expect(mistaken.slice(0, 20)).toEqual([]);
});

test("bounds that leave no number, or that cannot be written out, are refused", () => {
  for (const bounds of [{ minimum: 2, maximum: 1 }, { exclusiveMinimum: 1, maximum: 1 }, { minimum: 1e300 }, { maximum: 1e-20 }, { minimum: "3" }]) expect(() => numberExpression({ type: "number", ...bounds }, "#")).toThrow("#/");
});
