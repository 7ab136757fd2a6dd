import { expect, test } from "vitest";
import { type IntegerBounds, integerGrammar } from "../../../src/structure/schema/integer-range.js";
import { drawnAnswer } from "../drawn-answer.js";

/** A grammar without names is a regular expression, but for its spaces and quotes. */
function matcher(bounds: IntegerBounds): RegExp {
  return new RegExp(`^${integerGrammar(bounds, "#").replaceAll(/[ "]/g, "")}$`);
}

const edges = [-100_000, -1234, -999, -120, -100, -99, -10, -5, -1, 0, 1, 5, 9, 10, 37, 99, 100, 119, 120, 123, 255, 999, 1000, 1005, 2903, 65_535, 100_000];

test("integers between bounds are all taken, and no others: every pair of bounds, and every integer near them", () => {
  const mistaken: string[] = [];
  for (const minimum of [undefined, ...edges]) {
    for (const maximum of [undefined, ...edges]) {
      if ((minimum ?? -Infinity) > (maximum ?? Infinity)) continue;
      const expression = matcher({ ...(minimum === undefined ? {} : { minimum }), ...(maximum === undefined ? {} : { maximum }) });
      for (const edge of [...edges, 121, 129, 299, 2000, 123_456]) {
        for (let value = edge - 3; value <= edge + 3; value++) {
          const isWithin = value >= (minimum ?? -Infinity) && value <= (maximum ?? Infinity);
          if (expression.test(String(value)) !== isWithin) mistaken.push(`${value} under ${minimum} to ${maximum}: ${expression.source}`);
        }
      }
    }
  }
  expect(mistaken).toEqual([]);
});

test("bounds that are excluded or have fractions hold for the integers next to them", () => {
  const expression = matcher({ exclusiveMinimum: 2, maximum: 4.5 });
  expect([2, 3, 4, 5].filter((value) => expression.test(String(value)))).toEqual([3, 4]);
  expect(matcher({ minimum: -1.5, exclusiveMaximum: 1 }).test("-1")).toBe(true);
  expect(["007", "-0", "+1", "1.0", ""].filter((text) => matcher({}).test(text) || matcher({ minimum: 0, maximum: 9 }).test(text))).toEqual([]);
});

test("answers under bounds keep to them whatever the model would like to write", async () => {
  for (const [minimum, maximum] of [[-5, 120], [100, 120], [-518, 301]] as const) {
    for (let seed = 1; seed <= 15; seed++) {
      const value = JSON.parse(await drawnAnswer({ format: { schema: { type: "integer", minimum, maximum } } }, seed)) as number;
      expect({ value, isWithin: value >= minimum && value <= maximum }).toEqual({ value, isWithin: true });
    }
  }
});
